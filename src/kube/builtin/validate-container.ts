import { getList, getNumber, getPath, getRecord, getString, isRecord, type JsonRecord } from '../json.ts'
import { checkDns1123Label, checkPortName, regexMessage } from '../names.ts'
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  required,
  unsupported,
} from '../schema/field-error.ts'
import { goForm } from '../schema/go-form.ts'
import {
  checkDescendingPath,
  checkPortNumber,
  checkPortReference,
  checkRange,
  checkText,
  INT32_MAX,
  notNegative,
  onlyOneOf,
} from './checks.ts'
import { validateEnv, validateEnvFrom } from './validate-env.ts'
import { validateContainerResources } from './validate-resources.ts'

/** What the containers of a pod share. */
export interface PodContext {
  /** volumes by name, `undefined` standing for a claim that a StatefulSet makes */
  readonly volumes: ReadonlyMap<string, JsonRecord | undefined>
  readonly gracePeriodSeconds: number | undefined
}

export function validateContainers(
  containers: readonly unknown[],
  path: string,
  context: PodContext,
): readonly FieldError[] {
  if (containers.length === 0) return [required(path)]
  const names = new Set<string>()
  const hostPorts = new Set<string>()
  const errors = containers.flatMap((container, index) => {
    if (!isRecord(container)) return []
    const at = `${path}[${index}]`
    return [
      ...validateCommon(container, at, context),
      ...checkFreshName(container, names, at),
      ...validateLifecycle(container, at, context),
      ...validateProbes(container, at, context),
      ...checkRestartPolicy(container, at),
    ]
  })
  return [
    ...errors,
    ...containers.flatMap((one, index) => checkHostPorts(one, hostPorts, `${path}[${index}]`)),
  ]
}

const ONLY_SIDECARS = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe']

/** @param others names of the regular containers, which are looked at before */
export function validateInitContainers(
  containers: readonly unknown[],
  path: string,
  context: PodContext & { readonly others: readonly string[] },
): readonly FieldError[] {
  const names = new Set(context.others)
  return containers.flatMap((container, index) => {
    if (!isRecord(container)) return []
    const at = `${path}[${index}]`
    const common = [
      ...validateCommon(container, at, context),
      ...checkRestartPolicy(container, at),
      ...checkFreshName(container, names, at),
      ...checkHostPorts(container, new Set(), at),
    ]
    if (getString(container, 'restartPolicy') === 'Always') {
      return [
        ...common,
        ...validateLifecycle(container, at, context),
        ...validateProbes(container, at, context),
      ]
    }
    return [
      ...common,
      ...ONLY_SIDECARS.filter((field) => Object.hasOwn(container, field)).map((field) =>
        forbidden(`${at}.${field}`, 'may not be set for init containers without restartPolicy=Always'),
      ),
    ]
  })
}

function checkFreshName(container: JsonRecord, names: Set<string>, path: string): readonly FieldError[] {
  const name = getString(container, 'name') ?? ''
  if (name !== '' && names.has(name)) return [duplicate(`${path}.name`, name)]
  names.add(name)
  return []
}

const RESTART_POLICIES = ['Always', 'Never', 'OnFailure']

function checkRestartPolicy(container: JsonRecord, path: string): readonly FieldError[] {
  const policy = getString(container, 'restartPolicy')
  return policy === undefined || RESTART_POLICIES.includes(policy)
    ? []
    : [unsupported(`${path}.restartPolicy`, policy, RESTART_POLICIES)]
}

function validateCommon(container: JsonRecord, path: string, context: PodContext): readonly FieldError[] {
  const name = getString(container, 'name') ?? ''
  const image = getString(container, 'image') ?? ''
  return [
    ...(name === '' ? [required(`${path}.name`)] : checkText(name, checkDns1123Label, `${path}.name`)),
    ...(image === '' ? [required(`${path}.image`)] : []),
    ...validatePorts(getList(container, 'ports'), `${path}.ports`),
    ...validateEnv(getList(container, 'env'), `${path}.env`),
    ...validateEnvFrom(getList(container, 'envFrom'), `${path}.envFrom`),
    ...validateMounts(container, `${path}.volumeMounts`, context),
    ...validateDevices(container, `${path}.volumeDevices`, context),
    ...validateContainerResources(getRecord(container, 'resources'), `${path}.resources`),
    ...validateSecurityContext(getRecord(container, 'securityContext'), `${path}.securityContext`),
  ]
}

function validatePorts(ports: readonly unknown[], path: string): readonly FieldError[] {
  const seen = new Set<string>()
  return ports.flatMap((port, index) => {
    const at = `${path}[${index}]`
    const name = getString(port, 'name') ?? ''
    const number = getNumber(port, 'containerPort') ?? 0
    const errors: FieldError[] = []
    if (name !== '') {
      const wrong = checkText(name, checkPortName, `${at}.name`)
      errors.push(...wrong)
      if (wrong.length === 0 && seen.has(name)) errors.push(duplicate(`${at}.name`, name))
      seen.add(name)
    }
    if (number === 0) errors.push(required(`${at}.containerPort`))
    else errors.push(...checkPortNumber(number, `${at}.containerPort`))
    return [...errors, ...checkPortNumber(getPath(port, 'hostPort'), `${at}.hostPort`)]
  })
}

/** The host has each port once for each protocol and address. */
function checkHostPorts(container: unknown, taken: Set<string>, path: string): readonly FieldError[] {
  return getList(container, 'ports').flatMap((port, index) => {
    const number = getNumber(port, 'hostPort') ?? 0
    if (number === 0) return []
    const key = `${getString(port, 'protocol') ?? 'TCP'}/${getString(port, 'hostIP') ?? ''}/${number}`
    if (taken.has(key)) return [duplicate(`${path}.ports[${index}].hostPort`, key)]
    taken.add(key)
    return []
  })
}

/** Kubernetes names the list, not the mount, where a path inside of a volume is wrong. */
function validateMounts(container: JsonRecord, path: string, context: PodContext): readonly FieldError[] {
  const devices = getList(container, 'volumeDevices')
  const seen = new Set<string>()
  return getList(container, 'volumeMounts').flatMap((mount, index) => {
    const at = `${path}[${index}]`
    const name = getString(mount, 'name') ?? ''
    const target = getString(mount, 'mountPath') ?? ''
    const expression = getString(mount, 'subPathExpr') ?? ''
    const hasBoth = expression !== '' && (getString(mount, 'subPath') ?? '') !== ''
    const errors: FieldError[] = []
    if (name === '') errors.push(required(`${at}.name`))
    if (!context.volumes.has(name)) errors.push(notFound(`${at}.name`, name))
    if (target === '') errors.push(required(`${at}.mountPath`))
    if (seen.has(target)) errors.push(invalid(`${at}.mountPath`, target, 'must be unique'))
    seen.add(target)
    if (devices.some((device) => getString(device, 'name') === name))
      errors.push(invalid(`${at}.name`, name, 'must not already exist in volumeDevices'))
    if (devices.some((device) => getString(device, 'devicePath') === target))
      errors.push(invalid(`${at}.mountPath`, target, 'must not already exist as a path in volumeDevices'))
    return [
      ...errors,
      ...checkDescendingPath(getString(mount, 'subPath'), `${path}.subPath`),
      ...(hasBoth
        ? [invalid(`${at}.subPathExpr`, expression, 'subPathExpr and subPath are mutually exclusive')]
        : []),
      ...checkDescendingPath(expression, `${path}.subPathExpr`),
      ...checkPropagation(mount, container, `${path}.mountPropagation`),
    ]
  })
}

function checkPropagation(mount: unknown, container: JsonRecord, path: string): readonly FieldError[] {
  if (getString(mount, 'mountPropagation') !== 'Bidirectional') return []
  return getPath(container, 'securityContext', 'privileged') === true
    ? []
    : [forbidden(path, 'Bidirectional mount propagation is available only to privileged containers')]
}

function notFound(path: string, value: string): FieldError {
  return { type: 'Not found', path, value, detail: '' }
}

function validateDevices(container: JsonRecord, path: string, context: PodContext): readonly FieldError[] {
  const names = new Set<string>()
  const paths = new Set<string>()
  return getList(container, 'volumeDevices').flatMap((device, index) => {
    const at = `${path}[${index}]`
    const name = getString(device, 'name') ?? ''
    const target = getString(device, 'devicePath') ?? ''
    const volume = context.volumes.get(name)
    const isClaim =
      !volume || Object.hasOwn(volume, 'persistentVolumeClaim') || Object.hasOwn(volume, 'ephemeral')
    const errors: FieldError[] = []
    if (name === '') errors.push(required(`${at}.name`))
    if (names.has(name)) errors.push(invalid(`${at}.name`, name, 'must be unique'))
    if (!isClaim) {
      const detail = 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode'
      errors.push(invalid(`${at}.name`, name, detail))
    }
    if (!context.volumes.has(name)) errors.push(notFound(`${at}.name`, name))
    if (target === '') errors.push(required(`${at}.devicePath`))
    if (paths.has(target)) errors.push(invalid(`${at}.devicePath`, target, 'must be unique'))
    names.add(name)
    paths.add(target)
    return errors
  })
}

const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep']

function validateHandler(handler: JsonRecord, path: string, context: PodContext): readonly FieldError[] {
  const { chosen, errors } = onlyOneOf(handler, HANDLERS, (name) =>
    forbidden(`${path}.${name}`, 'may not specify more than 1 handler type'),
  )
  if (chosen === undefined) return [required(path, 'must specify a handler type')]
  return [
    ...checkHandler(chosen, getRecord(handler, chosen) ?? {}, { path: `${path}.${chosen}`, context }),
    ...errors,
  ]
}

function checkHandler(
  kind: string,
  action: JsonRecord,
  { path, context }: { readonly path: string; readonly context: PodContext },
): readonly FieldError[] {
  switch (kind) {
    case 'exec':
      return getList(action, 'command').length === 0 ? [required(`${path}.command`)] : []
    case 'httpGet':
      return [
        ...checkPortReference(getPath(action, 'port'), `${path}.port`),
        ...getList(action, 'httpHeaders').flatMap((header) =>
          checkText(getString(header, 'name') ?? '', checkHeaderName, `${path}.httpHeaders`),
        ),
      ]
    case 'sleep':
      return checkSleep(action, path, context.gracePeriodSeconds)
    default:
      return checkPortReference(getPath(action, 'port'), `${path}.port`)
  }
}

function checkHeaderName(name: string): readonly string[] {
  const rule = "a valid HTTP header must consist of alphanumeric characters or '-'"
  return /^[-A-Za-z0-9]+$/.test(name) ? [] : [regexMessage(rule, '[-A-Za-z0-9]+', ['X-Header-Name'])]
}

function checkSleep(action: JsonRecord, path: string, grace: number | undefined): readonly FieldError[] {
  const seconds = getNumber(action, 'seconds') ?? 0
  if (grace === undefined || (seconds >= 0 && seconds <= grace)) return []
  return [
    invalid(path, seconds, `must be non-negative and less than terminationGracePeriodSeconds (${grace})`),
  ]
}

function validateLifecycle(container: JsonRecord, path: string, context: PodContext): readonly FieldError[] {
  return ['postStart', 'preStop'].flatMap((hook) => {
    const handler = getRecord(container, 'lifecycle', hook)
    return handler ? validateHandler(handler, `${path}.lifecycle.${hook}`, context) : []
  })
}

const PROBE_COUNTS = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
]

function validateProbes(container: JsonRecord, path: string, context: PodContext): readonly FieldError[] {
  return ['livenessProbe', 'readinessProbe', 'startupProbe'].flatMap((field) => {
    const probe = getRecord(container, field)
    if (!probe) return []
    const at = `${path}.${field}`
    const success = getNumber(probe, 'successThreshold') ?? 1
    const grace = getNumber(probe, 'terminationGracePeriodSeconds')
    const errors = [
      ...validateHandler(probe, at, context),
      ...PROBE_COUNTS.flatMap((key) => notNegative(getPath(probe, key), `${at}.${key}`)),
    ]
    if (grace !== undefined && grace <= 0)
      errors.push(invalid(`${at}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'))
    if (field === 'readinessProbe' && grace !== undefined) {
      const detail = 'must not be set for readinessProbes'
      errors.push(invalid(`${at}.terminationGracePeriodSeconds`, grace, detail))
    }
    if (field !== 'readinessProbe' && success !== 1)
      errors.push(invalid(`${at}.successThreshold`, success, 'must be 1'))
    return errors
  })
}

function validateSecurityContext(context: JsonRecord | undefined, path: string): readonly FieldError[] {
  if (!context) return []
  const errors: FieldError[] = ['runAsUser', 'runAsGroup'].flatMap((field) => [
    ...checkRange(getPath(context, field), 0, INT32_MAX, `${path}.${field}`),
  ])
  if (getString(context, 'procMount') === 'Unmasked')
    errors.push(invalid(`${path}.procMount`, 'Unmasked', '`hostUsers` must be false to use `Unmasked`'))
  errors.push(...validateSeccomp(getRecord(context, 'seccompProfile'), `${path}.seccompProfile`))
  if (getPath(context, 'allowPrivilegeEscalation') !== false) return errors
  const shown = goForm(context, 'core/v1.SecurityContext')
  if (getPath(context, 'privileged') === true)
    errors.push(
      invalid(path, shown, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'),
    )
  if (getList(context, 'capabilities', 'add').includes('CAP_SYS_ADMIN')) {
    const detail = 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN'
    errors.push(invalid(path, shown, detail))
  }
  return errors
}

export function validateSeccomp(profile: JsonRecord | undefined, path: string): readonly FieldError[] {
  if (!profile) return []
  const file = getString(profile, 'localhostProfile')
  const at = `${path}.localhostProfile`
  if (getString(profile, 'type') === 'Localhost') {
    return file === undefined
      ? [required(at, 'must be set when seccomp type is Localhost')]
      : checkDescendingPath(file, at)
  }
  if (file === undefined) return []
  return [
    invalid(at, goForm(profile, 'core/v1.SeccompProfile'), 'can only be set when seccomp type is Localhost'),
  ]
}
