import type { Duplex } from 'node:stream'
import { finished } from 'node:stream/promises'
import { messageOf } from '../../../base/index.ts'
import { admitConnection } from '../admission/connect.ts'
import type { ServerContext } from '../context.ts'
import type { NodeApi } from '../node-api.ts'
import type { ApiResponse, UpgradeConnection } from '../request.ts'
import type { ResourceRequest } from '../resource-request.ts'
import { negotiateCarrier } from './negotiate.ts'
import { endStream } from './remote-channels.ts'
import { askedPorts, PORT_CHANNELS_PROTOCOL, portChannels } from './port-channels.ts'
import { podOnNode } from './remote-command.ts'
import { serveSpdy, type SpdyConnection } from './spdy/connection.ts'
import type { SpdyHeaders } from './spdy/header-block.ts'
import { answerSpdyUpgrade } from './spdy/upgrade.ts'
import { acceptWebSocket, webSocketTransport } from './websocket.ts'

const SPDY_PROTOCOL = 'portforward.k8s.io'
/** SPDY as before, its bytes in the binary messages of a WebSocket. */
const TUNNEL_PROTOCOL = `SPDY/3.1+${SPDY_PROTOCOL}`

/** `pods/x/portforward`: for each forwarded connection the client opens a stream for errors and one for data. */
export async function handlePortForward(
  context: ServerContext,
  asked: ResourceRequest,
): Promise<ApiResponse> {
  await admitConnection(context, asked, 'PodPortForwardOptions')
  const { node, pod } = podOnNode(context, asked)
  const websocket = [TUNNEL_PROTOCOL, PORT_CHANNELS_PROTOCOL]
  const carrier = negotiateCarrier(asked.request, { websocket, spdy: [SPDY_PROTOCOL] })
  const ports = carrier.protocol === PORT_CHANNELS_PROTOCOL ? askedPorts(asked.request.query) : []
  const forward = { node, podUid: pod.metadata.uid ?? '', podName: pod.metadata.name }
  return {
    kind: 'upgrade',
    async serve(connection) {
      if (carrier.protocol === PORT_CHANNELS_PROTOCOL) {
        const webSocket = await acceptWebSocket(connection, carrier.protocol)
        const channels = portChannels(webSocket, ports)
        await Promise.all(channels.map(({ port, ...streams }) => forwardOne(forward, port, streams)))
        webSocket.close(1000)
        return
      }
      const transport = await openTransport(connection, carrier)
      await serveForwards(context, forward, transport).closed
    },
  }
}

async function openTransport(
  connection: UpgradeConnection,
  carrier: { readonly kind: 'websocket' | 'spdy'; readonly protocol: string },
): Promise<{ readonly transport: Duplex; readonly head: Uint8Array }> {
  if (carrier.kind === 'websocket') {
    const webSocket = await acceptWebSocket(connection, carrier.protocol)
    return { transport: webSocketTransport(webSocket), head: new Uint8Array() }
  }
  answerSpdyUpgrade(connection, carrier.protocol)
  return { transport: connection.socket, head: connection.head }
}

interface Forward {
  readonly node: NodeApi
  readonly podUid: string
  readonly podName: string
}

/** The two streams of one forwarded connection, which carry the same request number. */
interface Pair {
  error?: Duplex
  data?: Duplex
}

function serveForwards(
  context: ServerContext,
  forward: Forward,
  connection: { readonly transport: Duplex; readonly head: Uint8Array },
): SpdyConnection {
  const pairs = new Map<string, Pair>()
  return serveSpdy({
    ...connection,
    onStream(stream, headers) {
      const type = headers['streamtype']
      if (type !== 'error' && type !== 'data') return 'the stream says neither "error" nor "data"'
      const port = Number(headers['port'])
      if (!Number.isInteger(port) || port < 1 || port > 65_535) return 'the stream names no port'
      const id = requestId(headers)
      const pair = pairs.get(id) ?? {}
      if (pair[type] !== undefined) return 'the stream is there already'
      pair[type] = stream
      pairs.set(id, pair)
      if (pair.data === undefined || pair.error === undefined) return undefined
      pairs.delete(id)
      void forwardOne(forward, port, { data: pair.data, error: pair.error })
      return undefined
    },
    onError: (error) => context.logger.debug('a port-forward broke', { error: error.message }),
  })
}

/** Very old clients number no requests and open one connection after the other. */
function requestId(headers: SpdyHeaders): string {
  return headers['requestid'] ?? `port ${headers['port'] ?? ''}`
}

/** Joins one connection of the client with one to the pod, until both directions are over. Never rejects. */
async function forwardOne(forward: Forward, port: number, streams: Required<Pair>): Promise<void> {
  const { data, error } = streams
  error.resume()
  let target: Duplex
  try {
    target = await forward.node.connect({ podUid: forward.podUid, port })
  } catch (cause) {
    error.write(`error forwarding port ${port} to pod ${forward.podName}: ${messageOf(cause)}`)
    await endStream(error)
    // The client waits for both ends of the data stream.
    data.resume()
    await endStream(data)
    return
  }
  target.on('error', () => {}) // its end ends the data stream as well
  data.pipe(target)
  target.pipe(data)
  data.once('close', () => target.destroy())
  target.once('close', () => void endStream(data))
  await finished(target).catch(() => {})
  await endStream(data)
  await endStream(error)
}
