import type { Container, GRPCAction, HTTPGetAction, IntOrString, TCPSocketAction } from '../../kube/index.ts'

/** Tells the proxy what to ask the application for: an object of `AppProber`s by their paths, as in Istio. */
export const PROBERS_VARIABLE = 'ISTIO_KUBE_APP_PROBERS'

export interface AppProber {
  readonly httpGet?: HTTPGetAction
  readonly tcpSocket?: TCPSocketAction
  readonly grpc?: GRPCAction
  readonly timeoutSeconds?: number
}

export type AppProbers = Readonly<Record<string, AppProber>>

/** The proxy's port for it; it is left out of the capture. */
const AGENT_PORT = 15_020

const PROBES = [
  ['readinessProbe', 'readyz'],
  ['livenessProbe', 'livez'],
  ['startupProbe', 'startupz'],
] as const

const HOOKS = [
  ['preStop', 'prestopz'],
  ['postStart', 'poststartz'],
] as const

/**
 * Sends the probes and hooks of containers to the proxy of their pod, which asks the application from inside: the
 * kubelet has no certificate of the mesh, and behind the proxy every port takes connections. What runs a command is left
 * as it is, and so is what the proxy could not ask in the kubelet's place.
 */
export function rewriteAppProbes(containers: readonly Container[]): {
  readonly containers: readonly Container[]
  readonly probers: AppProbers
} {
  const probers: Record<string, AppProber> = {}
  const rewritten = containers.map((container) => ({
    ...container,
    ...rewriteProbes(container, probers),
    ...rewriteHooks(container, probers),
  }))
  return { containers: rewritten, probers }
}

function rewriteProbes(container: Container, probers: Record<string, AppProber>): Partial<Container> {
  const rewritten: Partial<Record<(typeof PROBES)[number][0], Container['readinessProbe']>> = {}
  for (const [member, word] of PROBES) {
    const probe = container[member]
    const path = `/app-health/${container.name}/${word}`
    const asked = probe && takeOver(probe, container, path)
    if (probe === undefined || asked === undefined) continue
    const { httpGet: _httpGet, tcpSocket: _tcpSocket, grpc: _grpc, ...rest } = probe
    const { timeoutSeconds } = probe
    probers[path] = { ...asked.prober, ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }) }
    rewritten[member] = { httpGet: asked.httpGet, ...rest }
  }
  return rewritten as Partial<Container>
}

function rewriteHooks(container: Container, probers: Record<string, AppProber>): Partial<Container> {
  const { lifecycle } = container
  if (lifecycle === undefined) return {}
  const rewritten: Partial<Record<(typeof HOOKS)[number][0], { readonly httpGet: HTTPGetAction }>> = {}
  for (const [member, word] of HOOKS) {
    const hook = lifecycle[member]
    const path = `/app-lifecycle/${container.name}/${word}`
    const asked = hook && takeOver(hook, container, path)
    if (asked === undefined) continue
    probers[path] = asked.prober
    rewritten[member] = { httpGet: asked.httpGet }
  }
  return { lifecycle: { ...lifecycle, ...rewritten } }
}

type Action = Pick<AppProber, 'httpGet' | 'tcpSocket' | 'grpc'>

/** @returns undefined where the action stays as it is */
function takeOver(
  action: Action,
  container: Container,
  path: string,
): { readonly httpGet: HTTPGetAction; readonly prober: AppProber } | undefined {
  const { httpGet, tcpSocket, grpc } = action
  if (httpGet !== undefined) {
    const port = portOf(httpGet, container)
    const isRewritten = port === AGENT_PORT && httpGet.path === path
    if (port === undefined || isRewritten || httpGet.protocol === 'HTTP2') return undefined
    const scheme = httpGet.scheme === 'HTTPS' ? ({ scheme: 'HTTP' } as const) : {}
    return {
      httpGet: { ...httpGet, path, port: AGENT_PORT, ...scheme },
      prober: { httpGet: { ...httpGet, port } },
    }
  }
  if (tcpSocket !== undefined) {
    const port = portOf(tcpSocket, container)
    return port === undefined
      ? undefined
      : { httpGet: { path, port: AGENT_PORT }, prober: { tcpSocket: { port } } }
  }
  return grpc === undefined || grpc.mode === 'TLS'
    ? undefined
    : { httpGet: { path, port: AGENT_PORT }, prober: { grpc } }
}

/** @returns undefined for a name that the container has no port of, and where another machine is asked */
function portOf(
  action: { readonly host?: string; readonly port: IntOrString },
  container: Container,
): number | undefined {
  const { host = '', port } = action
  if (host !== '') return undefined
  if (typeof port === 'number') return port
  if (/^\d+$/.test(port)) return Number(port)
  return container.ports?.find(({ name }) => name === port)?.containerPort
}

/** What the variable says: with Go's order of keys. */
export function probersText(probers: AppProbers): string {
  return JSON.stringify(
    Object.fromEntries(Object.entries(probers).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))),
  )
}

/** What the variable of a pod that was injected before says; nothing where it is not of this form. */
export function readProbers(text: string | undefined): AppProbers {
  if (text === undefined) return {}
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as AppProbers) : {}
  } catch {
    return {}
  }
}
