import {
  deepEqual,
  getList,
  getNumber,
  getPath,
  getRecord,
  getString,
  isRecord,
  type JsonRecord,
} from '../json.ts'
import { checkDns1123Label, checkDns1123Subdomain, checkQualifiedName, validateLabels } from '../names.ts'
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  required,
  unsupported,
} from '../schema/field-error.ts'
import { checkAddress, checkRange, checkText, INT32_MAX, notNegative } from './checks.ts'
import {
  type PodContext,
  validateContainers,
  validateInitContainers,
  validateSeccomp,
} from './validate-container.ts'
import {
  validateAddedTolerations,
  validateAffinity,
  validateSpreading,
  validateTolerations,
} from './validate-scheduling.ts'
import { validateVolumes } from './validate-volume.ts'

export function validatePod(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const spec = getRecord(object, 'spec') ?? {}
  const before = getRecord(old, 'spec')
  return [
    ...validatePodSpec(spec, 'spec'),
    ...validateOnlyOfPods(spec),
    ...(before ? validatePodUpdate(spec, before) : []),
  ]
}

/**
 * Semantic checks of a pod's spec, the same for a Pod and for every template.
 * @param claims names of the claims that a StatefulSet makes, which its pods mount like volumes of their own
 */
export function validatePodSpec(
  spec: JsonRecord,
  path: string,
  claims: readonly string[] = [],
): readonly FieldError[] {
  const containers = getList(spec, 'containers')
  const context: PodContext = {
    volumes: new Map([
      ...getList(spec, 'volumes').flatMap((volume) =>
        isRecord(volume) ? [[getString(volume, 'name') ?? '', volume] as const] : [],
      ),
      ...claims.map((name) => [name, undefined] as const),
    ]),
    gracePeriodSeconds: getNumber(spec, 'terminationGracePeriodSeconds'),
  }
  const others = containers.map((container) => getString(container, 'name') ?? '')
  return [
    ...validateVolumes(getList(spec, 'volumes'), `${path}.volumes`),
    ...validateContainers(containers, `${path}.containers`, context),
    ...validateInitContainers(getList(spec, 'initContainers'), `${path}.initContainers`, {
      ...context,
      others,
    }),
    ...validateHostPorts(spec, path),
    ...validateLabels(getRecord(spec, 'nodeSelector'), `${path}.nodeSelector`),
    ...validateSecurity(spec, path),
    ...validateAffinity(getRecord(spec, 'affinity'), `${path}.affinity`),
    ...validateDns(spec, path),
    ...validateGates(spec, path),
    ...validateSpreading(getList(spec, 'topologySpreadConstraints'), `${path}.topologySpreadConstraints`),
    ...validatePodNames(spec, path),
    ...validateTolerations(getList(spec, 'tolerations'), `${path}.tolerations`),
    ...validateHostAliases(getList(spec, 'hostAliases'), `${path}.hostAliases`),
    ...['priorityClassName', 'runtimeClassName'].flatMap((field) =>
      checkText(getPath(spec, field), checkDns1123Subdomain, `${path}.${field}`),
    ),
  ]
}

/** On the host's network a container's port is the host's. */
function validateHostPorts(spec: JsonRecord, path: string): readonly FieldError[] {
  if (getPath(spec, 'hostNetwork') !== true) return []
  return getList(spec, 'containers').flatMap((container, index) =>
    getList(container, 'ports').flatMap((port, number) => {
      const host = getNumber(port, 'hostPort') ?? 0
      if (host === 0 || host === getNumber(port, 'containerPort')) return []
      const at = `${path}.containers[${index}].ports[${number}].hostPort`
      return [invalid(at, host, 'must match `containerPort` when `hostNetwork` is true')]
    }),
  )
}

function validateSecurity(spec: JsonRecord, path: string): readonly FieldError[] {
  const context = getRecord(spec, 'securityContext')
  const at = `${path}.securityContext`
  const ids = ['fsGroup', 'runAsUser', 'runAsGroup'].flatMap((field) =>
    checkRange(getPath(context, field), 0, INT32_MAX, `${at}.${field}`),
  )
  const groups = getList(context, 'supplementalGroups').flatMap((group, index) =>
    checkRange(group, 0, INT32_MAX, `${at}.supplementalGroups[${index}]`),
  )
  const shares = getPath(spec, 'shareProcessNamespace') === true && getPath(spec, 'hostPID') === true
  const both = 'ShareProcessNamespace and HostPID cannot both be enabled'
  return [
    ...ids,
    ...groups,
    ...validateSysctls(getList(context, 'sysctls'), `${at}.sysctls`),
    ...validateSeccomp(getRecord(context, 'seccompProfile'), `${at}.seccompProfile`),
    ...(shares ? [invalid(`${path}.shareProcessNamespace`, true, both)] : []),
  ]
}

const SYSCTL_SEGMENT = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?'
const SYSCTL = String.raw`^(${SYSCTL_SEGMENT}[\./])*${SYSCTL_SEGMENT}$`
const SYSCTL_LENGTH_MAX = 253

function validateSysctls(sysctls: readonly unknown[], path: string): readonly FieldError[] {
  const seen = new Set<string>()
  return sysctls.flatMap((sysctl, index) => {
    const name = getString(sysctl, 'name') ?? ''
    const at = `${path}[${index}].name`
    if (name === '') return [required(at)]
    if (name.length > SYSCTL_LENGTH_MAX || !new RegExp(SYSCTL).test(name)) {
      const detail = `must have at most ${SYSCTL_LENGTH_MAX} characters and match regex ${SYSCTL}`
      return [invalid(at, name, detail)]
    }
    if (seen.has(name)) return [duplicate(at, name)]
    seen.add(name)
    return []
  })
}

const NAMESERVERS_MAX = 3
const SEARCHES_MAX = 32

function validateDns(spec: JsonRecord, path: string): readonly FieldError[] {
  const config = getRecord(spec, 'dnsConfig')
  const at = `${path}.dnsConfig`
  const servers = getList(config, 'nameservers')
  const searches = getList(config, 'searches')
  if (getString(spec, 'dnsPolicy') === 'None') {
    if (!config) return [required(at, 'must provide `dnsConfig` when `dnsPolicy` is None')]
    const detail = 'must provide at least one DNS nameserver when `dnsPolicy` is None'
    if (servers.length === 0) return [required(`${at}.nameservers`, detail)]
  }
  const tooMany = (list: readonly unknown[], max: number, field: string, what: string) =>
    list.length > max ? [invalid(`${at}.${field}`, list, `must not have more than ${max} ${what}`)] : []
  return [
    ...tooMany(servers, NAMESERVERS_MAX, 'nameservers', 'nameservers'),
    ...servers.flatMap((server, index) => checkAddress(server, `${at}.nameservers[${index}]`)),
    ...tooMany(searches, SEARCHES_MAX, 'searches', 'search paths'),
    ...getList(config, 'options').flatMap((option, index) =>
      (getString(option, 'name') ?? '') === ''
        ? [required(`${at}.options[${index}]`, 'must not be empty')]
        : [],
    ),
  ]
}

function validateGates(spec: JsonRecord, path: string): readonly FieldError[] {
  const seen = new Set<string>()
  return [
    ...getList(spec, 'readinessGates').flatMap((gate, index) => {
      const type = getString(gate, 'conditionType') ?? ''
      return checkText(type, checkQualifiedName, `${path}.readinessGates[${index}].conditionType`)
    }),
    ...getList(spec, 'schedulingGates').flatMap((gate, index) => {
      const name = getString(gate, 'name') ?? ''
      const at = `${path}.schedulingGates[${index}]`
      const errors = [
        ...checkText(name, checkQualifiedName, at),
        ...(seen.has(name) ? [duplicate(at, name)] : []),
      ]
      seen.add(name)
      return errors
    }),
  ]
}

function validatePodNames(spec: JsonRecord, path: string): readonly FieldError[] {
  const name = (field: string, check: typeof checkDns1123Label) => {
    const text = getString(spec, field) ?? ''
    return text === '' ? [] : checkText(text, check, `${path}.${field}`)
  }
  return [
    ...name('serviceAccountName', checkDns1123Subdomain),
    ...name('nodeName', checkDns1123Subdomain),
    ...checkRange(getPath(spec, 'activeDeadlineSeconds'), 1, INT32_MAX, `${path}.activeDeadlineSeconds`),
    ...name('hostname', checkDns1123Label),
    ...name('subdomain', checkDns1123Label),
  ]
}

function validateHostAliases(aliases: readonly unknown[], path: string): readonly FieldError[] {
  return aliases.flatMap((alias, index) => [
    ...checkAddress(getString(alias, 'ip') ?? '', `${path}[${index}].ip`),
    ...getList(alias, 'hostnames').flatMap((name, number) =>
      checkText(name, checkDns1123Subdomain, `${path}[${index}].hostnames[${number}]`),
    ),
  ])
}

/** Rules of pods that templates, for the sake of old ones, are not held to. */
function validateOnlyOfPods(spec: JsonRecord): readonly FieldError[] {
  return [
    ...notNegative(getPath(spec, 'terminationGracePeriodSeconds'), 'spec.terminationGracePeriodSeconds'),
    ...['containers', 'initContainers'].flatMap((list) =>
      getList(spec, list).flatMap((container, index) => {
        const image = getString(container, 'image') ?? ''
        const detail = 'must not have leading or trailing whitespace'
        return image.trim() === image ? [] : [invalid(`spec.${list}[${index}].image`, image, detail)]
      }),
    ),
  ]
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
function validatePodUpdate(spec: JsonRecord, old: JsonRecord): readonly FieldError[] {
  for (const list of ['containers', 'initContainers']) {
    if (getList(spec, list).length !== getList(old, list).length)
      return [forbidden(`spec.${list}`, 'pod updates may not add or remove containers')]
  }
  const deadline = validateDeadlineUpdate(spec, old)
  if (deadline.length > 0) return deadline
  const tolerations = validateAddedTolerations(
    getList(spec, 'tolerations'),
    getList(old, 'tolerations'),
    'spec.tolerations',
  )
  return [
    ...tolerations,
    ...validateGateUpdate(spec, old),
    ...(deepEqual(fixedPart(spec, old), fixedPart(old, old)) ? [] : [forbidden('spec', POD_UPDATE)]),
  ]
}

/** A deadline may be set, and brought nearer. */
function validateDeadlineUpdate(spec: JsonRecord, old: JsonRecord): readonly FieldError[] {
  const path = 'spec.activeDeadlineSeconds'
  const [now, before] = [getNumber(spec, 'activeDeadlineSeconds'), getNumber(old, 'activeDeadlineSeconds')]
  if (before === undefined) return []
  if (now === undefined) return [invalid(path, null, 'must not update from a positive integer to nil value')]
  return now > before ? [invalid(path, now, 'must be less than or equal to previous value')] : []
}

function validateGateUpdate(spec: JsonRecord, old: JsonRecord): readonly FieldError[] {
  const before = getList(old, 'schedulingGates').map((gate) => getString(gate, 'name'))
  return getList(spec, 'schedulingGates').flatMap((gate, index) => {
    const name = getString(gate, 'name') ?? ''
    const detail = `only deletion is allowed, but found new scheduling gate '${name}'`
    return before.includes(name) ? [] : [forbidden(`spec.schedulingGates[${index}].name`, detail)]
  })
}

/** A spec without what may change; of a pod that waits at a gate, that is where it may run as well. */
function fixedPart(from: JsonRecord, old: JsonRecord): JsonRecord {
  const {
    activeDeadlineSeconds: _1,
    tolerations: _2,
    schedulingGates: _3,
    ephemeralContainers: _4,
    ...kept
  } = from
  const withoutImages = (list: unknown) =>
    Array.isArray(list)
      ? list.map((item) => (isRecord(item) ? { ...item, image: '', imagePullPolicy: '' } : item))
      : list
  const isBound = getString(old, 'nodeName') !== undefined
  const isGated = getList(old, 'schedulingGates').length > 0
  const grace = getNumber(old, 'terminationGracePeriodSeconds') ?? 0
  return {
    ...kept,
    containers: withoutImages(kept['containers']),
    initContainers: withoutImages(kept['initContainers']),
    ...(!isBound && { nodeName: '' }),
    ...(isGated && { nodeSelector: {}, affinity: {} }),
    ...(grace < 0 && { terminationGracePeriodSeconds: 0 }),
  }
}
