import { closeFd, socketFd } from '../../linux/index.ts'
import type { ListenPlace, SocketSource } from './listening-sockets.ts'
import {
  adoptUdp,
  BACKLOG,
  type BoundListener,
  type ListenOptions,
  type Network,
  startServer,
  udpBindError,
  type UdpListenOptions,
} from './network.ts'
import type { Intake } from './intake.ts'

/**
 * A network whose listening sockets outlive those who accept on them (other workers, a successor), and whose
 * connections are counted.
 */
export function createManagedNetwork(options: {
  readonly base: Network
  readonly source: SocketSource
  /** The proxy whose network it is. */
  readonly owner: string
  /** Absent: connections are not counted, and one worker alone listens. */
  readonly intake?: Intake
  /** Of the listeners; the base network knows where outgoing connections start. */
  readonly netns?: string
  readonly onProblem: (error: unknown) => void
}): Network {
  const { base, source, intake, netns, owner } = options
  return {
    ...base,
    ...(intake && { read: (socket, onread) => intake.count(base.read(socket, onread)) }),
    listenUdp: (listen) => listenUdp(listen, options),
    async listen(listen) {
      const { address, port } = listen
      const place: ListenPlace = {
        owner,
        address,
        port,
        ...(netns !== undefined && { netns }),
        ...(intake === undefined && { exclusive: true }),
      }
      const key = `${owner} ${address} ${port}`
      const serve = intake?.serve(key, listen.onConnection) ?? listen.onConnection
      await source.reserve(place)
      let servers: readonly BoundListener[] = []
      let closed = false
      // One after the other: the gate may change its mind while sockets are being opened.
      let last: Promise<void> = Promise.resolve()

      async function follow(): Promise<void> {
        const wanted = source.gate.isOpen() && !closed
        if (wanted === servers.length > 0) return
        if (wanted) servers = await openServers({ ...listen, onConnection: serve }, source, place)
        else {
          for (const server of servers) server.close()
          servers = []
        }
      }
      const forget = source.gate.follow(() => {
        last = last.then(follow).catch(options.onProblem)
      })
      const close = () => {
        closed = true
        forget()
        intake?.forget(key)
        for (const server of servers) server.close()
        servers = []
        source.release(place)
        last = last.then(follow).catch(options.onProblem)
      }
      try {
        last = follow()
        await last
      } catch (error) {
        close()
        throw error
      }
      return { port: servers[0]?.port ?? port, close }
    },
  }
}

/**
 * Datagrams wait in the socket while neither process reads it. Those of a client that another process or worker had before
 * find no session where they are read: they begin one.
 */
async function listenUdp(
  { address, port, onSockets, onLeaving, onLeave }: UdpListenOptions,
  { source, owner, netns, onProblem }: Parameters<typeof createManagedNetwork>[0],
): Promise<BoundListener> {
  const place: ListenPlace = {
    owner: `${owner} udp`,
    udp: true,
    address,
    port,
    ...(netns !== undefined && { netns }),
  }
  await source.reserve(place).catch((error: NodeJS.ErrnoException) => {
    throw udpBindError(place, error)
  })
  let isReading = false
  let closed = false
  async function follow(): Promise<void> {
    const wanted = source.gate.isOpen() && !closed
    if (wanted && isReading) onLeaving(source.gate.state() === 'leaving')
    if (wanted === isReading) return
    isReading = wanted
    if (!wanted) {
      if (!closed) onLeave()
      return
    }
    const fds = (await source.acquire(place)) ?? []
    onSockets(fds.map((fd) => adoptUdp(address, fd)))
  }
  let last = follow()
  const forget = source.gate.follow(() => {
    last = last.then(follow).catch(onProblem)
  })
  const close = () => {
    closed = true
    forget()
    source.release(place)
  }
  try {
    await last
  } catch (error) {
    close()
    throw error
  }
  return { port, close }
}

async function openServers(
  listen: ListenOptions,
  source: SocketSource,
  place: ListenPlace,
): Promise<readonly BoundListener[]> {
  const fds = await source.acquire(place)
  if (fds === undefined) {
    const server = await startServer(listen, (one) => {
      one.listen({ host: place.address, port: place.port, backlog: BACKLOG })
      source.lend(place, () => socketFd(one))
    })
    return [server]
  }
  return Promise.all(
    fds.map((fd) =>
      startServer(listen, (server) => {
        server.once('error', () => closeFd(fd))
        server.listen({ fd }, BACKLOG)
      }),
    ),
  )
}
