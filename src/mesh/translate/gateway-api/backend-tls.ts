import type { Service as KubeService } from '../../../kube/index.ts'
import { credentialName, type SubjectAltName, type UpstreamTls } from '../../../model/index.ts'
import { type BackendTLSPolicy, RESOURCE_KINDS } from '../../resources/index.ts'
import type { Material } from '../credentials/material.ts'
import { namespaceOf } from '../names.ts'
import { condition, CONTROLLER_NAME, type StatusUpdate } from '../status.ts'

/** A BackendTLSPolicy by itself: what it would have gateways do, and for which ports of which Services. */
export interface BackendTlsState {
  /** `<namespace>/<name>` */
  readonly key: string
  readonly namespace: string
  readonly name: string
  readonly generation: number
  /** RFC 3339: the oldest of several for one port rules. */
  readonly created: string
  readonly targets: readonly BackendTlsTarget[]
  readonly tls: UpstreamTls
  readonly fault: BackendTlsFault | undefined
}

export interface BackendTlsTarget {
  /** `<namespace>/<name>` of the Service. */
  readonly service: string
  /** A port's name; absent: all that no other policy names. */
  readonly section: string | undefined
}

interface BackendTlsFault {
  /** Of ResolvedRefs. */
  readonly reason: 'InvalidCACertificateRef' | 'InvalidKind'
  readonly message: string
  /** No reference is good, so that nothing can be checked. */
  readonly isFatal: boolean
}

export function translateBackendTls(
  policy: BackendTLSPolicy,
  material: (key: string) => Material | undefined,
): BackendTlsState {
  const namespace = namespaceOf(policy)
  const { name, generation = 0, creationTimestamp = '' } = policy.metadata
  const { validation, targetRefs } = policy.spec
  const { trust, fault } = trustOf(policy, namespace, material)
  return {
    key: `${namespace}/${name}`,
    namespace,
    name,
    generation,
    created: creationTimestamp,
    targets: targetRefs
      .filter(({ group, kind }) => group === '' && kind === 'Service')
      .map((ref) => ({ service: `${namespace}/${ref.name}`, section: ref.sectionName })),
    tls:
      trust === undefined
        ? { kind: 'refused', reason: fault?.message ?? 'no certificates of authorities are given' }
        : {
            kind: 'originate',
            serverName: validation.hostname.toLowerCase(),
            subjectAltNames: (validation.subjectAltNames ?? []).flatMap(alternativeName),
            trust,
          },
    fault,
  }
}

function alternativeName(
  name: NonNullable<BackendTLSPolicy['spec']['validation']['subjectAltNames']>[number],
): readonly SubjectAltName[] {
  const value = name.type === 'URI' ? name.uri : name.hostname
  return value === undefined ? [] : [{ kind: name.type === 'URI' ? 'uri' : 'dns', value }]
}

/** Gateway API: references that are bad are left out while any is good. */
function trustOf(
  policy: BackendTLSPolicy,
  namespace: string,
  material: (key: string) => Material | undefined,
): {
  readonly trust: Extract<UpstreamTls, { kind: 'originate' }>['trust'] | undefined
  readonly fault: BackendTlsFault | undefined
} {
  const { caCertificateRefs = [], wellKnownCACertificates } = policy.spec.validation
  if (wellKnownCACertificates === 'System' && caCertificateRefs.length === 0) {
    return { trust: { kind: 'system' }, fault: undefined }
  }
  const faults: Omit<BackendTlsFault, 'isFatal'>[] = []
  const bundles: string[] = []
  for (const { group, kind, name } of caCertificateRefs) {
    if (group !== '' || (kind !== 'ConfigMap' && kind !== 'Secret')) {
      const message = `caCertificateRefs: ${name} is a ${kind}; only ConfigMaps and Secrets are read`
      faults.push({ reason: 'InvalidKind', message })
      continue
    }
    const found = material(credentialName(kind, namespace, name))
    if (found?.trust !== undefined) bundles.push(found.trust)
    else {
      const problem = found?.trustProblem ?? 'it does not exist, or has no ca.crt'
      const message = `${kind} ${namespace}/${name} cannot be used: ${problem}`
      faults.push({ reason: 'InvalidCACertificateRef', message })
    }
  }
  const [first] = faults
  const message = faults.map((fault) => fault.message).join('; ')
  return {
    trust: bundles.length === 0 ? undefined : { kind: 'certificates', pem: bundles.join('\n') },
    fault: first && { reason: first.reason, message, isFatal: bundles.length === 0 },
  }
}

/** The policy that rules a port: one that names it goes before one that does not, then the oldest, then by name. */
export function rulingPolicy(
  candidates: readonly BackendTlsState[],
  service: string,
  portName: string,
): BackendTlsState | undefined {
  const ordered = candidates.toSorted(
    (a, b) => compareText(a.created, b.created) || compareText(a.key, b.key),
  )
  const forSection = (section: string | undefined) =>
    ordered.find(({ targets }) =>
      targets.some((target) => target.service === service && target.section === section),
    )
  return (portName === '' ? undefined : forSection(portName)) ?? forSection(undefined)
}

/** The TLS of a Service's ports, as its policies have it. */
export function backendTlsOf(
  service: KubeService,
  candidates: readonly BackendTlsState[],
): Readonly<Record<string, UpstreamTls>> | undefined {
  const key = `${namespaceOf(service)}/${service.metadata.name}`
  const ports = (service.spec.ports ?? []).flatMap(({ port, name = '' }) => {
    const policy = rulingPolicy(candidates, key, name)
    return policy === undefined ? [] : [[String(port), policy.tls] as const]
  })
  return ports.length === 0 ? undefined : Object.fromEntries(ports)
}

/** Gateway API, PolicyStatus: where there are more, those that are named are enough. */
const ANCESTORS_MAX = 16

/**
 * One entry for each Gateway whose routes lead to a target.
 * @param gateways `<namespace>/<name>`
 * @param rivals all policies that share a target with this one, itself included
 */
export function backendTlsStatus(
  state: BackendTlsState,
  gateways: readonly string[],
  rivals: readonly BackendTlsState[],
): StatusUpdate {
  const { namespace, name, generation, fault } = state
  const winner = state.targets
    .map((target) => sameTarget(rivals, target))
    .find((found) => found !== undefined && found.key !== state.key)
  const accepted =
    winner !== undefined
      ? {
          status: false,
          reason: 'Conflicted',
          message: `BackendTLSPolicy ${winner.key} is older and has the same target`,
        }
      : fault?.isFatal === true
        ? { status: false, reason: 'NoValidCACertificate', message: fault.message }
        : { status: true, reason: 'Accepted', message: 'The policy is in use' }
  const resolved =
    fault === undefined
      ? { status: true, reason: 'ResolvedRefs', message: 'All references resolved' }
      : { status: false, reason: fault.reason, message: fault.message }
  return {
    key: `BackendTLSPolicy/${state.key}`,
    kind: RESOURCE_KINDS.backendTlsPolicy,
    namespace,
    name,
    observedGeneration: generation,
    status: {
      ancestors: gateways.slice(0, ANCESTORS_MAX).map((gateway) => {
        const [gatewayNamespace = '', gatewayName = ''] = gateway.split('/')
        return {
          ancestorRef: {
            group: RESOURCE_KINDS.gateway.group,
            kind: 'Gateway',
            namespace: gatewayNamespace,
            name: gatewayName,
          },
          controllerName: CONTROLLER_NAME,
          conditions: [
            condition(generation, 'Accepted', accepted),
            condition(generation, 'ResolvedRefs', resolved),
          ],
        }
      }),
    },
  }
}

/** The oldest policy for the very same target. */
function sameTarget(
  rivals: readonly BackendTlsState[],
  target: BackendTlsTarget,
): BackendTlsState | undefined {
  return rivals
    .filter(({ targets }) =>
      targets.some(({ service, section }) => service === target.service && section === target.section),
    )
    .toSorted((a, b) => compareText(a.created, b.created) || compareText(a.key, b.key))[0]
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
