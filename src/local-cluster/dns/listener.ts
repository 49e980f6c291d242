import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { type Clock, type Logger, messageOf } from '../../base/index.ts'
import { socketFd } from '../../linux/index.ts'
import type { Transport } from './message.ts'
import { framed } from './upstream.ts'

/** Datagrams being answered at once; only forwarded ones take time. More are dropped, as the network may. */
const DATAGRAMS_MAX = 1_024
const CONNECTIONS_MAX = 128
/** RFC 7766: idle connections may be closed after seconds. */
const CONNECTION_IDLE_MS = 10_000
/** Room for a burst while the process is busy with something else. */
const RECEIVE_BUFFER_BYTES = 1 << 20

export interface ListenOptions {
  readonly address: string
  readonly port: number
  /** @returns undefined when nothing is to be said */
  readonly handle: (message: Buffer, transport: Transport, client?: string) => Promise<Buffer | undefined>
  readonly clock: Clock
  readonly logger: Logger
  /** Sockets that are bound already, by the process before this one. */
  readonly inherited?: DnsSockets | undefined
}

/** Descriptors. */
export interface DnsSockets {
  readonly udp: number
  readonly tcp: number
}

/** Answers on UDP and TCP. @throws when the address cannot be taken */
export async function listenDns(
  options: ListenOptions,
): Promise<{ readonly stop: () => Promise<void>; readonly sockets: () => DnsSockets | undefined }> {
  const udp = await listenUdp(options)
  try {
    const tcp = await listenTcp(options)
    return {
      async stop() {
        await Promise.all([closeUdp(udp), tcp.stop()])
      },
      sockets() {
        const [udpFd, tcpFd] = [datagramFd(udp), socketFd(tcp.server)]
        return udpFd === undefined || tcpFd === undefined ? undefined : { udp: udpFd, tcp: tcpFd }
      },
    }
  } catch (error) {
    await closeUdp(udp)
    throw error
  }
}

async function listenUdp({ address, port, handle, logger, inherited }: ListenOptions): Promise<UdpSocket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES })
  // With a descriptor it listens at once.
  const listening = once(socket, 'listening')
  socket.bind(inherited === undefined ? { address, port, exclusive: true } : { fd: inherited.udp })
  await listening
  let underWay = 0
  socket.on('error', (error) =>
    logger.warn('the UDP socket of the name server failed', { error: error.message }),
  )
  socket.on('message', (message, from) => {
    if (underWay >= DATAGRAMS_MAX) return
    underWay += 1
    handle(message, 'udp', from.address)
      .then((answer) => {
        if (answer) socket.send(answer, from.port, from.address, () => {}) // a client that has gone needs no answer
      })
      .catch((error: unknown) => logger.error('a query could not be answered', { error: messageOf(error) }))
      .finally(() => {
        underWay -= 1
      })
  })
  return socket
}

/** A socket's state is behind a symbol; nothing public tells the descriptor of one that Node has bound. */
function datagramFd(socket: UdpSocket): number | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find((one) => one.description === 'state symbol')
  const state = symbol && (socket as unknown as Record<symbol, { readonly handle?: object }>)[symbol]
  const { fd } = (state?.handle ?? {}) as { readonly fd?: number }
  return fd !== undefined && fd >= 0 ? fd : undefined
}

async function closeUdp(socket: UdpSocket): Promise<void> {
  await new Promise<void>((resolve) => {
    socket.close(() => resolve())
  })
}

async function listenTcp(
  options: ListenOptions,
): Promise<{ readonly stop: () => Promise<void>; readonly server: Server }> {
  const { address, port, logger } = options
  const connections = new Set<Socket>()
  const server = createServer((socket) => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
    // A client that goes away in the middle of a question is no event.
    socket.on('error', () => socket.destroy())
    socket.setTimeout(CONNECTION_IDLE_MS, () => socket.destroy())
    serveConnection(socket, options).catch((error: unknown) => {
      logger.debug('a DNS connection ended', { error: messageOf(error) })
      socket.destroy()
    })
  })
  server.maxConnections = CONNECTIONS_MAX
  if (options.inherited === undefined) server.listen({ host: address, port, exclusive: true })
  else server.listen({ fd: options.inherited.tcp })
  await once(server, 'listening')
  return {
    server,
    async stop() {
      for (const socket of connections) socket.destroy()
      await closeServer(server)
    },
  }
}

/** One question after the other: what a client pipelines waits in its socket. */
async function serveConnection(socket: Socket, options: ListenOptions): Promise<void> {
  let received: Buffer = Buffer.alloc(0)
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0)
      const answer = await options.handle(received.subarray(2, end), 'tcp', socket.remoteAddress)
      if (answer) socket.write(framed(answer))
      received = received.subarray(end)
    }
  }
}

async function closeServer(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
}
