import { parseQuantity } from '../quantity.ts'
import {
  deepEqual,
  getList,
  getNumber,
  getOwn,
  getPath,
  getRecord,
  getString,
  isRecord,
  type JsonRecord,
} from '../json.ts'
import { checkDns1123Label, checkDns1123Subdomain, checkEnvVarName, checkPortName } from '../names.ts'
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  required,
  unsupported,
} from '../schema/field-error.ts'

/** Semantic checks of a pod's spec, the same for a Pod and for every template. */
export function validatePodSpec(spec: JsonRecord, path: string): readonly FieldError[] {
  const volumes = new Set(getList(spec, 'volumes').map((volume) => getString(volume, 'name') ?? ''))
  const main = getList(spec, 'containers')
  const init = getList(spec, 'initContainers')
  const names = new Set<string>()
  const check = (list: readonly unknown[], field: string) =>
    list.flatMap((container, index) =>
      isRecord(container)
        ? validateContainer(container, {
            path: `${path}.${field}[${index}]`,
            names,
            volumes,
            init: field !== 'containers',
          })
        : [],
    )
  return [
    ...validateVolumes(getList(spec, 'volumes'), `${path}.volumes`),
    ...(main.length === 0 ? [required(`${path}.containers`)] : []),
    ...check(main, 'containers'),
    ...check(init, 'initContainers'),
    ...invalidName(
      getString(spec, 'serviceAccountName'),
      checkDns1123Subdomain,
      `${path}.serviceAccountName`,
    ),
    ...invalidName(getString(spec, 'hostname'), checkDns1123Label, `${path}.hostname`),
    ...invalidName(getString(spec, 'subdomain'), checkDns1123Label, `${path}.subdomain`),
    ...notNegative(getNumber(spec, 'terminationGracePeriodSeconds'), `${path}.terminationGracePeriodSeconds`),
  ]
}

export function notNegative(value: number | undefined, path: string): readonly FieldError[] {
  return value !== undefined && value < 0 ? [invalid(path, value, 'must be greater than or equal to 0')] : []
}

function invalidName(
  name: string | undefined,
  check: (name: string) => readonly string[],
  path: string,
): readonly FieldError[] {
  return name === undefined ? [] : check(name).map((text) => invalid(path, name, text))
}

function validateVolumes(volumes: readonly unknown[], path: string): readonly FieldError[] {
  const seen = new Set<string>()
  return volumes.flatMap((volume, index) => {
    const at = `${path}[${index}]`
    const name = getString(volume, 'name') ?? ''
    const errors: FieldError[] = []
    if (name === '') errors.push(required(`${at}.name`))
    else errors.push(...checkDns1123Label(name).map((text) => invalid(`${at}.name`, name, text)))
    if (seen.has(name)) errors.push(duplicate(`${at}.name`, name))
    seen.add(name)
    const sources = isRecord(volume) ? Object.keys(volume).filter((key) => key !== 'name') : []
    for (const source of sources.slice(1)) {
      errors.push(forbidden(`${at}.${source}`, 'may not specify more than 1 volume type'))
    }
    return errors
  })
}

interface ContainerContext {
  readonly path: string
  readonly names: Set<string>
  readonly volumes: ReadonlySet<string>
  readonly init: boolean
}

function validateContainer(container: JsonRecord, context: ContainerContext): readonly FieldError[] {
  const { path, names } = context
  const name = getString(container, 'name') ?? ''
  const errors: FieldError[] = []
  if (name === '') errors.push(required(`${path}.name`))
  else errors.push(...checkDns1123Label(name).map((text) => invalid(`${path}.name`, name, text)))
  if (name !== '' && names.has(name)) errors.push(duplicate(`${path}.name`, name))
  names.add(name)
  const image = getString(container, 'image') ?? ''
  if (image === '') errors.push(required(`${path}.image`))
  else if (image.trim() !== image)
    errors.push(invalid(`${path}.image`, image, 'must not have leading or trailing whitespace'))
  return [
    ...errors,
    ...validatePorts(getList(container, 'ports'), `${path}.ports`),
    ...validateEnv(getList(container, 'env'), `${path}.env`),
    ...validateMounts(getList(container, 'volumeMounts'), `${path}.volumeMounts`, context.volumes),
    ...validateProbes(container, context),
    ...validateResources(getRecord(container, 'resources'), `${path}.resources`),
  ]
}

export function validatePortNumber(value: unknown, path: string): readonly FieldError[] {
  return typeof value === 'number' && (value < 1 || value > 65535)
    ? [invalid(path, value, 'must be between 1 and 65535, inclusive')]
    : []
}

/** A port by number or by name, as probes and Services have it. */
export function validatePortReference(value: unknown, path: string): readonly FieldError[] {
  if (typeof value === 'string') return checkPortName(value).map((text) => invalid(path, value, text))
  return validatePortNumber(value, path)
}

function validatePorts(ports: readonly unknown[], path: string): readonly FieldError[] {
  const seen = new Set<string>()
  return ports.flatMap((port, index) => {
    const at = `${path}[${index}]`
    const name = getString(port, 'name')
    const number = getNumber(port, 'containerPort')
    const errors: FieldError[] = []
    if (name !== undefined) {
      errors.push(...checkPortName(name).map((text) => invalid(`${at}.name`, name, text)))
      if (seen.has(name)) errors.push(duplicate(`${at}.name`, name))
      seen.add(name)
    }
    if (number === 0) errors.push(required(`${at}.containerPort`))
    else errors.push(...validatePortNumber(number, `${at}.containerPort`))
    return [...errors, ...validatePortNumber(getNumber(port, 'hostPort'), `${at}.hostPort`)]
  })
}

const ENV_SOURCES = ['fieldRef', 'resourceFieldRef', 'configMapKeyRef', 'secretKeyRef', 'fileKeyRef']

function validateEnv(env: readonly unknown[], path: string): readonly FieldError[] {
  return env.flatMap((variable, index) => {
    const at = `${path}[${index}]`
    const name = getString(variable, 'name') ?? ''
    const errors: FieldError[] =
      name === ''
        ? [required(`${at}.name`)]
        : checkEnvVarName(name).map((text) => invalid(`${at}.name`, name, text))
    const source = getRecord(variable, 'valueFrom')
    if (!source) return errors
    const given = ENV_SOURCES.filter((key) => Object.hasOwn(source, key))
    if (given.length === 0) {
      errors.push(
        invalid(
          `${at}.valueFrom`,
          '',
          `must specify one of: ${ENV_SOURCES.map((key) => `\`${key}\``).join(', ')}`,
        ),
      )
    }
    if (given.length > 1)
      errors.push(invalid(`${at}.valueFrom`, '', 'may not have more than one field specified at a time'))
    if ((getString(variable, 'value') ?? '') !== '') {
      errors.push(invalid(`${at}.valueFrom`, '', 'may not be specified when `value` is not empty'))
    }
    return errors
  })
}

function validateMounts(
  mounts: readonly unknown[],
  path: string,
  volumes: ReadonlySet<string>,
): readonly FieldError[] {
  const seen = new Set<string>()
  return mounts.flatMap((mount, index) => {
    const at = `${path}[${index}]`
    const name = getString(mount, 'name') ?? ''
    const mountPath = getString(mount, 'mountPath') ?? ''
    const errors: FieldError[] = []
    if (name === '') errors.push(required(`${at}.name`))
    else if (!volumes.has(name))
      errors.push({ type: 'Not found', path: `${at}.name`, value: name, detail: '' })
    if (mountPath === '') errors.push(required(`${at}.mountPath`))
    else if (seen.has(mountPath)) errors.push(invalid(`${at}.mountPath`, mountPath, 'must be unique'))
    seen.add(mountPath)
    return errors
  })
}

const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc']

function validateProbes(container: JsonRecord, context: ContainerContext): readonly FieldError[] {
  const sidecar = getString(container, 'restartPolicy') === 'Always'
  return ['livenessProbe', 'readinessProbe', 'startupProbe'].flatMap((field) => {
    const probe = getRecord(container, field)
    const at = `${context.path}.${field}`
    if (!probe) return []
    if (context.init && !sidecar)
      return [forbidden(at, 'may not be set for init containers without restartPolicy=Always')]
    return validateProbe(probe, field, at)
  })
}

function validateProbe(probe: JsonRecord, field: string, path: string): readonly FieldError[] {
  const errors: FieldError[] = []
  const given = HANDLERS.filter((handler) => Object.hasOwn(probe, handler))
  if (given.length === 0) errors.push(required(path, 'must specify a handler type'))
  for (const handler of given.slice(1)) {
    errors.push(forbidden(`${path}.${handler}`, 'may not specify more than 1 handler type'))
  }
  for (const handler of given) {
    errors.push(...validatePortReference(getPath(probe, handler, 'port'), `${path}.${handler}.port`))
  }
  for (const key of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ]) {
    errors.push(...notNegative(getNumber(probe, key), `${path}.${key}`))
  }
  const success = getNumber(probe, 'successThreshold')
  if (field !== 'readinessProbe' && success !== undefined && success !== 1) {
    errors.push(invalid(`${path}.successThreshold`, success, 'must be 1'))
  }
  return errors
}

function validateResources(resources: JsonRecord | undefined, path: string): readonly FieldError[] {
  const requests = getRecord(resources, 'requests') ?? {}
  const limits = getRecord(resources, 'limits') ?? {}
  return Object.entries(requests).flatMap(([name, request]) => {
    const limit = getOwn(limits, name)
    if (typeof request !== 'string' || typeof limit !== 'string') return []
    const [asked, allowed] = [parseQuantity(request), parseQuantity(limit)]
    if (!asked || !allowed || asked.nanos <= allowed.nanos) return []
    return [invalid(`${path}.requests`, request, `must be less than or equal to ${name} limit of ${limit}`)]
  })
}

/** The restart policies that a kind allows its pods. */
export function validateRestartPolicy(
  spec: JsonRecord | undefined,
  path: string,
  supported: readonly string[],
): readonly FieldError[] {
  const policy = getString(spec, 'restartPolicy')
  return policy === undefined || supported.includes(policy) ? [] : [unsupported(path, policy, supported)]
}

const POD_UPDATE =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'

/** Which parts of a pod's spec may change; binding to a node (an empty nodeName filled) is allowed here too. */
export function validatePodUpdate(spec: JsonRecord, old: JsonRecord): readonly FieldError[] {
  const bound = getString(old, 'nodeName') === undefined
  const fixed = (from: JsonRecord) => {
    const { activeDeadlineSeconds: _1, tolerations: _2, terminationGracePeriodSeconds: _3, ...rest } = from
    const { ephemeralContainers: _4, schedulingGates: _5, ...kept } = rest
    const withoutImages = (list: unknown) =>
      Array.isArray(list)
        ? list.map((item) =>
            isRecord(item) ? { ...item, image: '', imagePullPolicy: '', resources: {} } : item,
          )
        : list
    return {
      ...kept,
      containers: withoutImages(kept['containers']),
      initContainers: withoutImages(kept['initContainers']),
      ...(bound && { nodeName: '' }),
    }
  }
  return deepEqual(fixed(spec), fixed(old)) ? [] : [forbidden('spec', POD_UPDATE)]
}
