import type { Collection, Graph, Index, Read } from '../../../base/index.ts'
import { matchesLabels, type Pod } from '../../../kube/index.ts'
import type {
  Credential,
  CredentialHolder,
  CredentialReference,
  ListenerTls,
  Service,
} from '../../../model/index.ts'
import { allListeners, type GatewayState } from '../gateway-api/gateway.ts'
import type { IstioGatewayState } from '../istio-api/gateway.ts'
import { namespaceOf } from '../names.ts'
import type { Sources } from '../sources.ts'
import { configMapMaterial, type Material, secretMaterial } from './material.ts'

/** The material of every Secret and ConfigMap that has any, by credential name. */
export function createMaterials(graph: Graph, sources: Sources): Collection<Material> {
  return graph.merge('key material', [
    graph.derive({
      name: 'key material of secrets',
      input: sources.secrets,
      transform: (secret) => [secretMaterial(secret)],
    }),
    graph.derive({
      name: 'key material of config maps',
      input: sources.configMaps,
      transform: (configMap) =>
        configMap.data?.['ca.crt'] === undefined ? [] : [configMapMaterial(configMap)],
    }),
  ])
}

/** That somebody may hold a credential. */
interface Claim {
  readonly key: string
  /** `<source>/<namespace>/<name>`, with `*` for the namespace where the proxy's own is meant. */
  readonly credential: string
  readonly holder:
    | { readonly kind: 'accounts'; readonly holder: CredentialHolder }
    /** The service accounts of the gateways' pods with these labels in the credential's namespace. */
    | { readonly kind: 'selected'; readonly labels: Readonly<Record<string, string>> }
    /** Every gateway in the credential's namespace. */
    | { readonly kind: 'gateways' }
}

/**
 * Who may hold what follows from the Gateways: the proxies of one get what its own listeners name. What no Gateway
 * names never leaves the control plane.
 */
export function createCredentials(
  graph: Graph,
  sources: Sources,
  from: {
    readonly materials: Collection<Material>
    readonly gateways: Collection<GatewayState>
    readonly istioGateways: Collection<IstioGatewayState>
    readonly services: Collection<Service>
  },
): Collection<Credential> {
  const podsByNamespace = graph.index(sources.pods, 'pods by namespace', (pod) => [namespaceOf(pod)])
  const claims = graph.merge('credential claims', [
    graph.derive({
      name: 'credential claims of gateways',
      input: from.gateways,
      transform: (state, read) => gatewayClaims(state, sources, podsByNamespace, read),
    }),
    graph.derive({
      name: 'credential claims of istio gateways',
      input: from.istioGateways,
      transform: istioClaims,
    }),
    graph.derive({
      name: 'credential claims of services',
      input: from.services,
      transform: serviceClaims,
    }),
  ])
  const byCredential = graph.index(claims, 'claims by credential', (one) => [one.credential])
  return graph.derive({
    name: 'credentials',
    input: from.materials,
    transform: (material, read) => {
      const { key, namespace, name, certificate, trust, revocations } = material
      if (certificate === undefined && trust === undefined) return []
      const [source = ''] = key.split('/', 1)
      const found = [...read.lookup(byCredential, key), ...read.lookup(byCredential, `${source}/*/${name}`)]
      const isBySelection = found.some(({ holder }) => holder.kind !== 'accounts')
      const pods = isBySelection ? read.lookup(podsByNamespace, namespace) : []
      const holders = mergeHolders(
        found.flatMap(({ holder }): readonly CredentialHolder[] => {
          if (holder.kind === 'accounts') return [holder.holder]
          if (holder.kind === 'gateways') return gatewaysIn(namespace, pods, from, read)
          return [{ namespace, serviceAccounts: serviceAccountsOf(pods.filter(isGateway), holder.labels) }]
        }),
      )
      if (holders.length === 0) return []
      const origin = { kind: source, namespace, name }
      return [
        {
          type: 'credential',
          key,
          holders,
          ...(certificate === undefined ? {} : { certificate }),
          ...(trust === undefined ? {} : { trust }),
          ...(revocations === undefined ? {} : { revocations }),
          origin,
        },
      ]
    },
  })
}

function mergeHolders(holders: readonly CredentialHolder[]): readonly CredentialHolder[] {
  const groups = Map.groupBy(holders, ({ namespace }) => namespace)
  return [...groups]
    .map(([namespace, group]) => ({
      namespace,
      serviceAccounts: [...new Set(group.flatMap(({ serviceAccounts }) => serviceAccounts))].sort(),
    }))
    .filter(({ serviceAccounts }) => serviceAccounts.length > 0)
    .toSorted((a, b) => (a.namespace < b.namespace ? -1 : 1))
}

/** References are resolved and permitted by then; only the Gateway's own proxies count. */
function gatewayClaims(
  state: GatewayState,
  sources: Sources,
  podsByNamespace: Index<Pod>,
  read: Read,
): readonly Claim[] {
  const shown = state.backendCertificate?.reference
  const names = [
    ...new Set([
      ...allListeners(state).flatMap(({ tls }) => credentialsOf(tls)),
      ...(shown === undefined ? [] : [nameOf(shown)]),
    ]),
  ]
  if (names.length === 0) return []
  const { placement, namespace } = state
  if (placement.kind === 'managed') {
    const holder = { namespace, serviceAccounts: [placement.serviceAccount] }
    return names.map((credential) => claim(state.gateway, credential, { kind: 'accounts', holder }))
  }
  return placement.services.flatMap((key) => {
    const selector = read.get(sources.services, key)?.spec.selector
    if (selector === undefined) return []
    const [serviceNamespace = ''] = key.split('/', 1)
    const serviceAccounts = serviceAccountsOf(read.lookup(podsByNamespace, serviceNamespace), selector)
    const holder = { namespace: serviceNamespace, serviceAccounts }
    return names.map((credential) =>
      claim(`${state.gateway}|${key}`, credential, { kind: 'accounts', holder }),
    )
  })
}

/**
 * Whoever may write a Gateway in any namespace can select any pod by its labels: only those that their own namespace runs
 * as gateways are given its Secrets, or a sidecar could have them for the asking. (Istio asks the API server whether the
 * proxy's account may read Secrets.)
 */
function isGateway({ spec }: Pod): boolean {
  return [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].some(
    ({ args = [] }) => args[0] === 'proxy' && args[1] === 'router',
  )
}

function serviceAccountsOf(
  pods: readonly Pod[],
  labels: Readonly<Record<string, string>>,
): readonly string[] {
  const picked = pods.filter((pod) => matchesLabels({ matchLabels: labels }, pod.metadata.labels ?? {}))
  return [...new Set(picked.map((pod) => pod.spec?.serviceAccountName ?? 'default'))].sort()
}

function istioClaims(state: IstioGatewayState): readonly Claim[] {
  return state.servers.flatMap((server) =>
    [...new Set(credentialsOf(server.listener.tls))].map((credential) =>
      claim(server.listener.key, credential, { kind: 'selected', labels: server.listener.selector.labels }),
    ),
  )
}

/** What DestinationRules name, for gateways alone: sidecars of Istio take no Secrets. */
function serviceClaims(service: Service): readonly Claim[] {
  const policies = service.policies.flatMap(({ traffic, ports, subsets }) => [
    traffic,
    ...Object.values(ports),
    ...subsets.map((subset) => subset.traffic),
  ])
  const references = policies.flatMap(({ tls }) => {
    if (tls?.kind !== 'originate') return []
    const trust = tls.trust.kind === 'credential' ? tls.trust.references : []
    return [...(tls.certificate === undefined ? [] : [tls.certificate]), ...trust]
  })
  const names = [...new Set(references.map(nameOf))]
  return names.map((credential) => claim(service.key, credential, { kind: 'gateways' }))
}

function gatewaysIn(
  namespace: string,
  pods: readonly Pod[],
  from: {
    readonly gateways: Collection<GatewayState>
    readonly istioGateways: Collection<IstioGatewayState>
  },
  read: Read,
): readonly CredentialHolder[] {
  const managed = read
    .list(from.gateways)
    .flatMap(({ namespace: own, placement }) =>
      own === namespace && placement.kind === 'managed' ? [placement.serviceAccount] : [],
    )
  const selected = read
    .list(from.istioGateways)
    .flatMap(({ servers }) =>
      servers.flatMap(({ listener }) => serviceAccountsOf(pods.filter(isGateway), listener.selector.labels)),
    )
  return [{ namespace, serviceAccounts: [...managed, ...selected] }]
}

function claim(owner: string, credential: string, holder: Claim['holder']): Claim {
  return { key: `${owner}|${credential}`, credential, holder }
}

/** What a listener's terms name. */
function credentialsOf(tls: ListenerTls | undefined): readonly string[] {
  if (tls?.kind !== 'terminate') return []
  const { certificates, clients } = tls
  const trust = clients.kind === 'required' || clients.kind === 'optional' ? clients.trust : []
  return [...certificates, ...trust].map(nameOf)
}

function nameOf({ source, namespace = '*', name }: CredentialReference): string {
  return `${source}/${namespace}/${name}`
}
