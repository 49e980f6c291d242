import { messageOf } from '../../../base/index.ts'
import type { KubeObject } from '../../../kube/index.ts'
import { admitConnection } from '../admission/connect.ts'
import type { ServerContext } from '../context.ts'
import { stringAt } from '../json.ts'
import type { NodeApi, RemoteIo } from '../node-api.ts'
import { type ApiResponse, isTrue, type UpgradeConnection } from '../request.ts'
import { keyOf, type ResourceRequest } from '../resource-request.ts'
import { badRequest, internalError, methodNotAllowed, notFound, serviceUnavailable } from '../status-error.ts'
import { chooseContainer } from '../subresource/choose-container.ts'
import { type Carrier, negotiateCarrier } from './negotiate.ts'
import {
  errorStatus,
  exitStatus,
  type RemoteChannels,
  type RemoteStatus,
  successStatus,
  type WantedStreams,
} from './remote-channels.ts'
import { SPDY_PROTOCOLS, spdyChannels } from './spdy-channels.ts'
import { WEBSOCKET_PROTOCOLS, webSocketChannels } from './websocket-channels.ts'
import { acceptWebSocket } from './websocket.ts'

/** `pods/x/exec` and `pods/x/attach`: a command, or a container's own program, with its streams over one connection. */
export async function handleRemoteCommand(
  context: ServerContext,
  asked: ResourceRequest,
  action: 'exec' | 'attach',
): Promise<ApiResponse> {
  const { request } = asked
  await admitConnection(context, asked, action === 'exec' ? 'PodExecOptions' : 'PodAttachOptions')
  const named = (pod: KubeObject) => chooseContainer(pod, request.query.get('container') ?? '')
  const { node, pod } = podOnNode(context, asked, named)
  const container = named(pod)
  const wanted = wantedStreams(request.query)
  const command = request.query.getAll('command')
  if (action === 'exec' && command.length === 0)
    throw badRequest('you must specify at least one command for the container')
  const carrier = negotiateCarrier(request, { websocket: WEBSOCKET_PROTOCOLS, spdy: SPDY_PROTOCOLS })
  const podUid = pod.metadata.uid ?? ''
  const missing = `unable to upgrade connection: container not found ("${container}")`
  // A WebSocket is told by the error channel, as by the API server that translates for a kubelet.
  if (carrier.kind === 'spdy' && !node.isRunning({ podUid, container })) throw internalError(missing)
  const run = async (io: RemoteIo): Promise<RemoteStatus> => {
    if (!node.isRunning({ podUid, container })) return errorStatus(`Internal error occurred: ${missing}`)
    const target = { podUid, container, tty: wanted.tty, io }
    if (action === 'exec') return exitStatus(await node.exec({ ...target, command }))
    await node.attach(target)
    return successStatus()
  }
  return {
    kind: 'upgrade',
    async serve(connection) {
      const channels = await openChannels(context, connection, { carrier, wanted })
      const status = await run(channels).catch((error: unknown) => {
        context.logger.debug('a command in a container failed', { error: messageOf(error) })
        return errorStatus(`error executing command in container: ${messageOf(error)}`)
      })
      await channels.finish(status)
    },
  }
}

/** The pod and the node that has it. @param check of the pod, before anything is said of a node @throws StatusError */
export function podOnNode(
  context: ServerContext,
  { path, resource, verb }: ResourceRequest,
  check: (pod: KubeObject) => void = () => {},
): { readonly node: NodeApi; readonly pod: KubeObject } {
  // WebSockets begin with GET, SPDY with POST.
  if (verb !== 'get' && verb !== 'create') throw methodNotAllowed()
  const pod = context.store.get(keyOf(resource, path.namespace, path.name))?.object
  if (!pod) throw notFound(resource.info, path.name)
  check(pod)
  if ((stringAt(pod.spec, 'nodeName') ?? '') === '')
    throw badRequest(`pod ${path.name} does not have a host assigned`)
  const node = context.node()
  if (!node) throw serviceUnavailable('no node is running, so there is nothing to connect to')
  return { node, pod }
}

function wantedStreams(query: URLSearchParams): WantedStreams {
  const tty = isTrue(query.get('tty'))
  const wanted = {
    tty,
    stdin: isTrue(query.get('stdin')),
    stdout: isTrue(query.get('stdout')),
    stderr: isTrue(query.get('stderr')) && !tty,
  }
  if (!wanted.stdin && !wanted.stdout && !wanted.stderr)
    throw badRequest('you must specify at least 1 of stdin, stdout, stderr')
  return wanted
}

async function openChannels(
  context: ServerContext,
  connection: UpgradeConnection,
  options: { readonly carrier: Carrier; readonly wanted: WantedStreams },
): Promise<RemoteChannels> {
  const { carrier, wanted } = options
  const { protocol } = carrier
  if (carrier.kind === 'spdy') return spdyChannels(connection, { protocol, wanted, logger: context.logger })
  return webSocketChannels(await acceptWebSocket(connection, protocol), protocol, wanted)
}
