import { getOwn, getRecord, getString, type JsonRecord } from '../json.ts'
import { checkQualifiedName } from '../names.ts'
import { formatQuantity, parseQuantity } from '../quantity.ts'
import { type FieldError, invalid, required } from '../schema/field-error.ts'
import { checkNotNegativeQuantity, checkText, quantityOf } from './checks.ts'

/** What containers ask for and are limited to. */
const CONTAINER_RESOURCES: ReadonlySet<string> = new Set(['cpu', 'memory', 'ephemeral-storage'])

/** Objects that a quota counts. */
const COUNTED: ReadonlySet<string> = new Set([
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
])

const QUOTA_RESOURCES: ReadonlySet<string> = new Set([
  ...CONTAINER_RESOURCES,
  ...[...CONTAINER_RESOURCES, 'storage'].map((name) => `requests.${name}`),
  ...[...CONTAINER_RESOURCES].map((name) => `limits.${name}`),
  ...COUNTED,
])

const HUGE_PAGES = /^(requests\.)?hugepages-/

/** Names of resources as any object may have them. */
export function checkResourceName(name: string, path: string): readonly FieldError[] {
  const errors = checkText(name, checkQualifiedName, path)
  const isKnown =
    name.includes('/') || QUOTA_RESOURCES.has(name) || name === 'storage' || HUGE_PAGES.test(name)
  return errors.length > 0 || isKnown
    ? errors
    : [invalid(path, name, 'must be a standard resource type or fully qualified')]
}

export function checkContainerResourceName(name: string, path: string): readonly FieldError[] {
  const errors = checkResourceName(name, path)
  if (!name.includes('/')) {
    return CONTAINER_RESOURCES.has(name) || name.startsWith('hugepages-')
      ? errors
      : [...errors, invalid(path, name, 'must be a standard resource for containers')]
  }
  const isExtended = isNative(name) || !name.startsWith('requests.')
  return isExtended
    ? errors
    : [...errors, invalid(path, name, "doesn't follow extended resource name standard")]
}

export function checkQuotaResourceName(name: string, path: string): readonly FieldError[] {
  const errors = checkResourceName(name, path)
  return name.includes('/') || QUOTA_RESOURCES.has(name) || HUGE_PAGES.test(name)
    ? errors
    : [...errors, invalid(path, name, 'must be a standard resource for quota')]
}

/** An amount is not below nought, and what is counted is counted in whole numbers. */
export function checkAmount(name: string, amount: unknown, path: string): readonly FieldError[] {
  const quantity = quantityOf(amount)
  const isWhole = !quantity || quantity.nanos % 1_000_000_000n === 0n
  const isCounted = COUNTED.has(name) || !isNative(name)
  return [
    ...checkNotNegativeQuantity(amount, path),
    ...(isCounted && !isWhole ? [invalid(path, amount, 'must be an integer')] : []),
  ]
}

/** Names without a domain, and those of kubernetes.io, are Kubernetes' own. */
function isNative(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/')
}

/** Limits and requests of a container: names, amounts, and no request above its limit. */
export function validateContainerResources(
  resources: JsonRecord | undefined,
  path: string,
): readonly FieldError[] {
  const limits = getRecord(resources, 'limits') ?? {}
  const requests = getRecord(resources, 'requests') ?? {}
  const check = (amounts: JsonRecord, side: string) =>
    Object.entries(amounts).flatMap(([name, amount]) => {
      const at = `${path}.${side}[${name}]`
      const errors = [...checkContainerResourceName(name, at), ...checkAmount(name, amount, at)]
      return side === 'requests' ? [...errors, ...checkRequest(name, amount, { limits, path })] : errors
    })
  return [...check(limits, 'limits'), ...check(requests, 'requests')]
}

function checkRequest(
  name: string,
  amount: unknown,
  { limits, path }: { readonly limits: JsonRecord; readonly path: string },
): readonly FieldError[] {
  const isElastic = isNative(name) && !name.startsWith('hugepages-')
  const limit = getOwn(limits, name)
  if (limit === undefined) {
    return isElastic ? [] : [required(`${path}.limits`, 'Limit must be set for non overcommitable resources')]
  }
  const [asked, allowed] = [quantityOf(amount), quantityOf(limit)]
  if (!asked || !allowed || asked.nanos === allowed.nanos || (isElastic && asked.nanos < allowed.nanos))
    return []
  const relation = isElastic ? 'less than or equal to' : 'equal to'
  const detail = `must be ${relation} ${name} limit of ${formatQuantity(allowed)}`
  return [invalid(`${path}.requests`, formatQuantity(asked), detail)]
}

/** Units in which sizes may be shown. */
const SIZES = ['', 'k', 'M', 'G', 'T', 'P', 'E', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'].map((unit) => `1${unit}`)

/** Which resources of a container a variable or a file may show, and in which units. */
export function validateResourceFieldRef(
  ref: JsonRecord,
  path: string,
  needsContainer: boolean,
): readonly FieldError[] {
  const resource = getString(ref, 'resource') ?? ''
  if (needsContainer && (getString(ref, 'containerName') ?? '') === '')
    return [required(`${path}.containerName`)]
  if (resource === '') return [required(`${path}.resource`)]
  const [side, name = ''] = splitOnce(resource, '.')
  const isKnown = (side === 'limits' || side === 'requests') && CONTAINER_RESOURCES.has(name)
  const errors: FieldError[] = []
  if (!isKnown && !/^(limits|requests)\.hugepages-/.test(resource)) {
    errors.push({
      type: 'Unsupported value',
      path: `${path}.resource`,
      value: resource,
      detail: `supported values: ${SHOWN_RESOURCES}`,
    })
  }
  const divisor = parseQuantity(getString(ref, 'divisor') ?? '0')
  if (!divisor || divisor.nanos === 0n) return errors
  const allowed = name === 'cpu' ? ['1m', '1'] : SIZES
  if ((isKnown || name.startsWith('hugepages-')) && !allowed.includes(formatQuantity(divisor))) {
    errors.push(invalid(`${path}.divisor`, resource, divisorMessage(name)))
  }
  return errors
}

const SHOWN_RESOURCES = ['limits', 'requests']
  .flatMap((side) => ['cpu', 'ephemeral-storage', 'memory'].map((name) => `"${side}.${name}"`))
  .join(', ')

function divisorMessage(name: string): string {
  if (name === 'cpu') return "only divisor's values 1m and 1 are supported with the cpu resource"
  const what =
    name === 'ephemeral-storage' ? 'local ephemeral storage' : name === 'memory' ? 'memory' : 'hugepages'
  return `only divisor's values ${SIZES.join(', ')} are supported with the ${what} resource`
}

function splitOnce(text: string, separator: string): readonly [string, string?] {
  const at = text.indexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}
