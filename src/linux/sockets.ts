import { fail, ok, type Result } from '../base/index.ts'
import { libc, systemError } from './libc.ts'
import { formatSocketAddress, parseSocketAddress, type SocketAddress } from './socket-address.ts'

const AF_INET = 2
const AF_INET6 = 10
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const SO_REUSEPORT = 15
const SO_PEERCRED = 17
const SO_MARK = 36
const SOL_IP = 0
const IP_TRANSPARENT = 19
const SOL_IPV6 = 41
const IPV6_V6ONLY = 26
const IPV6_TRANSPARENT = 75
const SO_ORIGINAL_DST = 80
const O_RDONLY_CLOEXEC = 0o2000000
const CLONE_NEWNET = 0x40000000

/**
 * Runs a synchronous call inside the network namespace and comes back. A socket stays in the namespace in
 * which it was made, so only `socket(2)` needs this: bind, connect and everything later work from outside.
 * The call must not await: the thread would carry on in the other namespace.
 * @param netnsPath such as `/run/netns/lateen-…`; undefined is the current namespace
 * @throws the call's own error, or one that names the namespace when it cannot be entered
 */
export function inNetns<T>(netnsPath: string | undefined, call: () => T): T {
  if (netnsPath === undefined) return call()
  const system = libc()
  const home = openNamespace('/proc/thread-self/ns/net')
  try {
    const target = openNamespace(netnsPath)
    try {
      if (system.setns(target, CLONE_NEWNET) < 0) throw systemError('setns', netnsPath)
    } finally {
      system.close(target)
    }
    const result = settle(call)
    // A thread that cannot come home would open every later socket in the wrong place.
    if (system.setns(home, CLONE_NEWNET) < 0) throw systemError('setns', 'back to the own namespace')
    if (!result.ok) throw result.error
    return result.value
  } finally {
    system.close(home)
  }
}

/** Takes the calling thread into the network namespace for good; other threads stay where they are. */
export function enterNetns(netnsPath: string): void {
  const target = openNamespace(netnsPath)
  try {
    if (libc().setns(target, CLONE_NEWNET) < 0) throw systemError('setns', netnsPath)
  } finally {
    libc().close(target)
  }
}

function settle<T>(call: () => T): Result<T, unknown> {
  try {
    return ok(call())
  } catch (error) {
    return fail(error)
  }
}

export interface TcpListenerOptions {
  readonly netns?: string
  /** `0.0.0.0`, `::` or an address of the namespace. */
  readonly address: string
  /** 0 lets the kernel choose. */
  readonly port: number
  /** Several threads or processes share the port, the kernel spreads the connections. */
  readonly reusePort?: boolean
  /** Accepts connections to foreign addresses (TPROXY). */
  readonly transparent?: boolean
  /** Absent: the socket is bound and nothing more; who takes it over listens. */
  readonly backlog?: number
}

/** @returns a listening file descriptor, for `net.Server.listen({ fd })`, which owns and closes it from then on */
export function openTcpListener(options: TcpListenerOptions): number {
  const address = parseSocketAddress(options.address, options.port)
  const fd = openSocket(options.netns, address.family, SOCK_STREAM)
  return closedOnError(fd, () => {
    setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    if (options.reusePort) setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1)
    if (options.transparent) setTransparent(fd, address.family)
    if (address.family === 6) setOption(fd, SOL_IPV6, IPV6_V6ONLY, options.address === '::' ? 0 : 1)
    bindTo(fd, address)
    if (options.backlog !== undefined && libc().listen(fd, options.backlog) < 0) {
      throw systemError('listen', `${options.address}:${options.port}`)
    }
    return fd
  })
}

export interface TcpSocketOptions {
  readonly netns?: string
  readonly family: 4 | 6
  /** SO_MARK; the capture rules let marked packets pass. */
  readonly mark?: number
  /** Source address; the kernel chooses when absent. */
  readonly bindAddress?: string
}

/** @returns an unconnected file descriptor, for `new net.Socket({ fd }).connect(…)`, which owns it from then on */
export function openTcpSocket(options: TcpSocketOptions): number {
  return openUnconnected(options, SOCK_STREAM)
}

export interface UdpSocketOptions extends TcpSocketOptions {
  /** Local port; 0 or absent lets the kernel choose. */
  readonly port?: number
  readonly reusePort?: boolean
}

/** @returns a bound file descriptor, for `dgram` `socket.bind({ fd })` */
export function openUdpSocket(options: UdpSocketOptions): number {
  const fd = openUnconnected({ ...options, bindAddress: undefined }, SOCK_DGRAM)
  return closedOnError(fd, () => {
    setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    if (options.reusePort) setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1)
    const any = options.family === 4 ? '0.0.0.0' : '::'
    bindTo(fd, parseSocketAddress(options.bindAddress ?? any, options.port ?? 0))
    return fd
  })
}

/** Lets further sockets of this user be bound where this one is, which was bound alone. */
export function shareTcpPort(fd: number): void {
  setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1)
}

/** Marks a socket that exists already (SO_MARK). @throws without CAP_NET_ADMIN */
export function setSocketMark(fd: number, mark: number): void {
  setOption(fd, SOL_SOCKET, SO_MARK, mark)
}

/** Closes a descriptor that was never handed to a Node socket. */
export function closeFd(fd: number): void {
  if (libc().close(fd) < 0) throw systemError('close', `descriptor ${fd}`)
}

/**
 * Where a redirected connection was going before nftables sent it here.
 * @param fd of the accepted socket (`socket._handle.fd`)
 * @returns undefined when the connection was not redirected (the kernel has no record of it)
 */
export function originalDestination(fd: number): SocketAddress | undefined {
  return readOriginal(fd, SOL_IP, 16) ?? readOriginal(fd, SOL_IPV6, 28)
}

/** The file descriptor of a connected Node socket. @returns undefined when it is closed already */
export function socketFd(socket: object): number | undefined {
  // Node has no public way to a socket's descriptor; `_handle.fd` has been there since Node 0.x.
  const handle = (socket as { readonly _handle?: { readonly fd?: number } | null })._handle
  return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined
}

/** The process at the other end of a unix socket, as it was when it connected or listened. */
export function peerPid(fd: number): number | undefined {
  const value = new Uint8Array(12)
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, value.length, true)
  if (libc().getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, length) < 0) return undefined
  return new DataView(value.buffer).getInt32(0, true)
}

function readOriginal(fd: number, level: number, size: number): SocketAddress | undefined {
  const value = new Uint8Array(size)
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, size, true)
  if (libc().getsockopt(fd, level, SO_ORIGINAL_DST, value, length) < 0) return undefined
  return formatSocketAddress(value)
}

function openNamespace(path: string): number {
  const fd = libc().open(path, O_RDONLY_CLOEXEC)
  if (fd < 0) throw systemError('open', path)
  return fd
}

function openUnconnected(options: OptionalUndefined<TcpSocketOptions>, type: number): number {
  const fd = openSocket(options.netns, options.family, type)
  return closedOnError(fd, () => {
    if (options.mark !== undefined) setOption(fd, SOL_SOCKET, SO_MARK, options.mark)
    if (options.bindAddress !== undefined) bindTo(fd, parseSocketAddress(options.bindAddress, 0))
    return fd
  })
}

type OptionalUndefined<T> = { readonly [K in keyof T]: T[K] | undefined } & { readonly family: 4 | 6 }

function openSocket(netns: string | undefined, family: 4 | 6, type: number): number {
  const domain = family === 4 ? AF_INET : AF_INET6
  return inNetns(netns, () => {
    const fd = libc().socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
    if (fd < 0) throw systemError('socket', `in ${netns ?? 'the own namespace'}`)
    return fd
  })
}

function bindTo(fd: number, address: { readonly bytes: Uint8Array; readonly text: string }): void {
  if (libc().bind(fd, address.bytes, address.bytes.length) < 0) throw systemError('bind', address.text)
}

function setTransparent(fd: number, family: 4 | 6): void {
  if (family === 4) setOption(fd, SOL_IP, IP_TRANSPARENT, 1)
  else setOption(fd, SOL_IPV6, IPV6_TRANSPARENT, 1)
}

function setOption(fd: number, level: number, name: number, value: number): void {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value, true)
  if (libc().setsockopt(fd, level, name, bytes, 4) < 0) {
    throw systemError('setsockopt', `level ${level} option ${name} of descriptor ${fd}`)
  }
}

function closedOnError<T>(fd: number, call: () => T): T {
  try {
    return call()
  } catch (error) {
    libc().close(fd)
    throw error
  }
}
