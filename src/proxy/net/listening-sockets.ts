import { closeFd, duplicateFd, openTcpListener, openUdpSocket, shareTcpPort } from '../../linux/index.ts'
import { type AcceptGate, createAcceptGate } from './accept-gate.ts'

export interface ListenPlace {
  /** The proxy that listens there: for another one the place is taken. */
  readonly owner: string
  /** The network namespace; absent: the process's own. */
  readonly netns?: string
  readonly address: string
  readonly port: number
  /** One worker alone listens here. */
  readonly exclusive?: boolean
  /** For datagrams; the owner's name says so too, as a process of before knows no more. */
  readonly udp?: boolean
}

/** Where a thread gets the sockets that it listens on. */
export interface SocketSource {
  readonly gate: AcceptGate
  /** Takes the place, whether connections may be accepted already or not. @throws when it cannot be bound */
  readonly reserve: (place: ListenPlace) => Promise<void>
  /** Descriptors to listen on, the caller's own to close. undefined: the caller binds one itself and lends it. */
  readonly acquire: (place: ListenPlace) => Promise<readonly number[] | undefined>
  readonly lend: (place: ListenPlace, fd: () => number | undefined) => void
  readonly release: (place: ListenPlace) => void
}

export interface HeldSockets {
  readonly place: ListenPlace
  readonly fds: readonly number[]
}

/**
 * The listening sockets of a process, beside those who accept on them: a worker that ends, or a process that hands over
 * to its successor, takes no waiting connection with it, since the socket stays open here.
 */
export interface ListeningSockets {
  readonly gate: AcceptGate
  /** What worker `index` of them gets. */
  readonly source: (worker: number) => SocketSource
  /** What a predecessor has handed over: nothing of it has to be bound. */
  readonly take: (held: readonly HeldSockets[]) => void
  /** For a successor; they stay open here too. */
  readonly held: () => readonly HeldSockets[]
  /** Lets go of what was taken over and nobody listens on. */
  readonly dropUnused: () => void
  readonly close: () => void
}

interface Entry {
  readonly place: ListenPlace
  readonly fds: number[]
  readonly users: Set<number>
  lent: (() => number | undefined) | undefined
}

export function createListeningSockets(options: { readonly workers: number }): ListeningSockets {
  const { workers } = options
  const gate = createAcceptGate('open')
  const entries = new Map<string, Entry>()

  function reserve(place: ListenPlace, worker: number): void {
    const key = keyOf(place)
    let entry = entries.get(key)
    if (entry === undefined) {
      entry = { place, fds: [], users: new Set(), lent: undefined }
      if (!bindsItself(place)) entry.fds.push(open(place))
      entries.set(key, entry)
    }
    entry.users.add(worker)
  }

  /** One thread in its own network needs none of this until a successor comes. */
  function bindsItself(place: ListenPlace): boolean {
    if (place.udp === true) return false
    return workers === 1 && place.netns === undefined && (gate.isOpen() || place.port === 0)
  }

  function acquire(place: ListenPlace, worker: number): readonly number[] | undefined {
    const entry = entries.get(keyOf(place))
    if (entry === undefined) throw new Error(`port ${place.port} was let go`)
    keepLent(entry)
    if (entry.fds.length === 0) return undefined
    if (place.exclusive) return entry.fds.map(duplicateFd)
    for (const fd of entry.fds) if (entry.fds.length < workers) shareTcpPort(fd)
    while (entry.fds.length < workers) entry.fds.push(open({ ...place, reusePort: true }))
    return entry.fds.filter((_fd, i) => i % workers === worker).map(duplicateFd)
  }

  function release(place: ListenPlace, worker: number): void {
    const entry = entries.get(keyOf(place))
    if (entry === undefined || !entry.users.delete(worker) || entry.users.size > 0) return
    entries.delete(keyOf(place))
    entry.fds.forEach(closeFd)
  }

  return {
    gate,
    source: (worker) => ({
      gate,
      reserve: async (place) => reserve(place, worker),
      acquire: async (place) => acquire(place, worker),
      lend(place, fd) {
        const entry = entries.get(keyOf(place))
        if (entry !== undefined) entry.lent = fd
      },
      release: (place) => release(place, worker),
    }),
    take(held) {
      for (const { place, fds } of held) {
        entries.set(keyOf(place), { place, fds: [...fds], users: new Set(), lent: undefined })
      }
    },
    held() {
      for (const entry of entries.values()) keepLent(entry)
      return [...entries.values()]
        .filter(({ fds }) => fds.length > 0)
        .map(({ place, fds }) => ({ place, fds: [...fds] }))
    },
    dropUnused() {
      for (const [key, { users, fds }] of entries) {
        if (users.size > 0) continue
        entries.delete(key)
        fds.forEach(closeFd)
      }
    },
    close() {
      for (const { fds } of entries.values()) fds.forEach(closeFd)
      entries.clear()
    },
  }
}

function open(place: ListenPlace & { readonly reusePort?: boolean }): number {
  if (place.udp !== true) return openTcpListener(place)
  const { netns, address: bindAddress, port } = place
  const family = bindAddress.includes(':') ? 6 : 4
  // Sockets of single clients stand beside it.
  return openUdpSocket({ ...(netns !== undefined && { netns }), family, bindAddress, port, reusePort: true })
}

/** What a thread has bound itself is kept open beside it from now on. */
function keepLent(entry: Entry): void {
  const fd = entry.fds.length === 0 ? entry.lent?.() : undefined
  if (fd !== undefined) entry.fds.push(duplicateFd(fd))
}

function keyOf({ owner, netns = '', address, port }: ListenPlace): string {
  return `${owner} ${netns} ${address} ${port}`
}
