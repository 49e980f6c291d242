import { fail, ok, type Result } from '../../base/index.ts'

/** What the proxy asks its application for, in the kubelet's place. */
export type AppProber = {
  readonly port: number
  /** Absent: as long as the kubelet waits. */
  readonly timeoutMs?: number
} & (
  | { readonly kind: 'http'; readonly path: string; readonly isTls: boolean }
  | { readonly kind: 'tcp' }
  | { readonly kind: 'grpc'; readonly service: string }
)

/** By the paths under which the kubelet asks for them. */
export type AppProbers = Readonly<Record<string, AppProber>>

export const PROBERS_VARIABLE = 'ISTIO_KUBE_APP_PROBERS'

const PATH = /^\/(app-health\/[^/]+\/(livez|readyz|startupz)|app-lifecycle\/[^/]+\/(prestopz|poststartz))$/
const PORT_MAX = 65_535

/** Reads what injection has taken out of the pod's containers. */
export function readAppProbers(text: string | undefined): Result<AppProbers, string> {
  if (text === undefined || text === '') return ok({})
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  if (!isObject(value)) return fail(`${PROBERS_VARIABLE} is not a JSON object: ${text.slice(0, 100)}`)
  const probers: Record<string, AppProber> = {}
  for (const [path, one] of Object.entries(value)) {
    const prober = PATH.test(path) && isObject(one) ? readProber(one) : undefined
    if (prober === undefined) {
      return fail(
        `${PROBERS_VARIABLE}: ${path} must be /app-health/<container>/<livez, readyz or startupz> or /app-lifecycle/<container>/<prestopz or poststartz>, with one of httpGet, tcpSocket and grpc and the number of a port`,
      )
    }
    probers[path] = prober
  }
  return ok(probers)
}

function readProber(value: Readonly<Record<string, unknown>>): AppProber | undefined {
  const kinds = ['httpGet', 'tcpSocket', 'grpc'].filter((kind) => value[kind] !== undefined)
  const action = kinds.length === 1 ? value[kinds[0] as string] : undefined
  if (!isObject(action)) return undefined
  const { port, path = '/', scheme, service } = action
  const seconds = value['timeoutSeconds']
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > PORT_MAX) return undefined
  const common = { port, ...(typeof seconds === 'number' && seconds > 0 && { timeoutMs: seconds * 1000 }) }
  if (kinds[0] === 'tcpSocket') return { kind: 'tcp', ...common }
  if (kinds[0] === 'grpc')
    return { kind: 'grpc', service: typeof service === 'string' ? service : '', ...common }
  if (typeof path !== 'string') return undefined
  return {
    kind: 'http',
    path: path.startsWith('/') ? path : `/${path}`,
    isTls: scheme === 'HTTPS',
    ...common,
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
