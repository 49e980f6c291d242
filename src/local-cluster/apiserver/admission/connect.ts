import type { ServerContext } from '../context.ts'
import type { JsonObject } from '../json.ts'
import { isTrue } from '../request.ts'
import type { ResourceRequest } from '../resource-request.ts'

type ConnectOptions = 'PodExecOptions' | 'PodAttachOptions' | 'PodPortForwardOptions' | ProxyOptions
type ProxyOptions = 'PodProxyOptions' | 'ServiceProxyOptions' | 'NodeProxyOptions'

/** Connections to pods, services and nodes are no writes, but webhooks and policies may forbid them. @throws StatusError */
export async function admitConnection(
  context: ServerContext,
  asked: ResourceRequest,
  kind: ConnectOptions,
): Promise<void> {
  const object = optionsOf(kind, asked)
  await context.admission.validate({
    asked,
    operation: 'CONNECT',
    object: undefined,
    sent: {
      kind: { group: '', version: 'v1', kind },
      object: { kind, apiVersion: 'v1', ...object },
    },
    dryRun: false,
    // An upgraded connection has no place for warnings.
    warn: () => {},
  })
}

function optionsOf(kind: ConnectOptions, { request: { query }, path }: ResourceRequest): JsonObject {
  switch (kind) {
    case 'PodExecOptions':
      return { ...streamsOf(query), command: query.getAll('command') }
    case 'PodAttachOptions':
      return streamsOf(query)
    case 'PodPortForwardOptions':
      return portsOf(query)
    case 'PodProxyOptions':
    case 'ServiceProxyOptions':
    case 'NodeProxyOptions':
      return path.below ? { path: decodeURIComponent(path.below) } : {}
  }
}

function streamsOf(query: URLSearchParams): JsonObject {
  const names = ['stdin', 'stdout', 'stderr', 'tty'].filter((name) => isTrue(query.get(name)))
  const container = query.get('container') ?? ''
  return {
    ...Object.fromEntries(names.map((name) => [name, true])),
    ...(container === '' ? {} : { container }),
  }
}

function portsOf(query: URLSearchParams): JsonObject {
  const ports = query
    .getAll('ports')
    .flatMap((text) => text.split(','))
    .map(Number)
  return ports.length === 0 ? {} : { ports }
}
