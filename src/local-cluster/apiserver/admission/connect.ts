import type { ServerContext } from '../context.ts'
import type { JsonObject } from '../json.ts'
import { isTrue } from '../request.ts'
import type { ResourceRequest } from '../resource-request.ts'

/** `exec`, `attach` and `portforward` are no writes, but webhooks and policies may forbid them. @throws StatusError */
export async function admitConnection(
  context: ServerContext,
  asked: ResourceRequest,
  kind: 'PodExecOptions' | 'PodAttachOptions' | 'PodPortForwardOptions',
): Promise<void> {
  const { query } = asked.request
  const object = kind === 'PodPortForwardOptions' ? portsOf(query) : streamsOf(query)
  const command = kind === 'PodExecOptions' ? { command: query.getAll('command') } : {}
  await context.admission.validate({
    asked,
    operation: 'CONNECT',
    object: undefined,
    sent: {
      kind: { group: '', version: 'v1', kind },
      object: { kind, apiVersion: 'v1', ...object, ...command },
    },
    dryRun: false,
    // An upgraded connection has no place for warnings.
    warn: () => {},
  })
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
