import { constants } from 'node:os'
import { libc, systemError } from './libc.ts'

const AF_UNIX = 1
const SOCK_STREAM_NONBLOCK_CLOEXEC = 0o2004001
const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const MSG_DONTWAIT_NOSIGNAL = 0x4040
const MSG_DONTWAIT_CMSG_CLOEXEC = 0x40000040
const MSG_CTRUNC = 8
const F_DUPFD_CLOEXEC = 1030
const SUN_PATH_BYTES = 108

/** `struct msghdr` and `struct cmsghdr` of 64-bit Linux. */
const MESSAGE_BYTES = 56
const CONTROL_HEADER_BYTES = 16
/** The kernel takes 253 at a time; fewer keep the buffers small. */
export const DESCRIPTORS_PER_MESSAGE_MAX = 64

/**
 * Connects to a Unix stream socket, for descriptors to come through: Node's own sockets drop them.
 * @returns undefined when nobody listens there
 */
export function connectUnix(path: string): number | undefined {
  const bytes = Buffer.from(path)
  if (bytes.length >= SUN_PATH_BYTES) throw new Error(`${path} is too long for the name of a socket`)
  const system = libc()
  const fd = system.socket(AF_UNIX, SOCK_STREAM_NONBLOCK_CLOEXEC, 0)
  if (fd < 0) throw systemError('socket', path)
  const address = new Uint8Array(2 + SUN_PATH_BYTES)
  address[0] = AF_UNIX
  address.set(bytes, 2)
  if (system.connect(fd, address, address.length) === 0) return fd
  const error = systemError('connect', path) as NodeJS.ErrnoException
  system.close(fd)
  if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') return undefined
  throw error
}

/** Another descriptor of the same thing, not inherited by child processes. */
export function duplicateFd(fd: number): number {
  const copy = libc().fcntl(fd, F_DUPFD_CLOEXEC, 0)
  if (copy < 0) throw systemError('fcntl', `of descriptor ${fd}`)
  return copy
}

/**
 * Sends bytes, with descriptors beside the first of them; the sender's own stay open.
 * @returns how many bytes were taken; 0 when the peer must read first: nothing was sent
 * @throws when the peer is gone
 */
export function sendWithFds(fd: number, bytes: Uint8Array, fds: readonly number[]): number {
  if (fds.length > DESCRIPTORS_PER_MESSAGE_MAX) throw new Error(`${fds.length} descriptors in one message`)
  const data = Buffer.allocUnsafeSlow(bytes.length)
  data.set(bytes)
  const control = Buffer.allocUnsafeSlow(controlBytes(fds.length)).fill(0)
  if (fds.length > 0) {
    control.writeBigUInt64LE(BigInt(CONTROL_HEADER_BYTES + fds.length * 4), 0)
    control.writeInt32LE(SOL_SOCKET, 8)
    control.writeInt32LE(SCM_RIGHTS, 12)
    fds.forEach((one, i) => control.writeInt32LE(one, CONTROL_HEADER_BYTES + i * 4))
  }
  const { header } = messageOf(data, fds.length > 0 ? control : undefined)
  const sent = libc().sendmsg(fd, header, MSG_DONTWAIT_NOSIGNAL)
  if (sent >= 0) return sent
  if (wouldBlock()) return 0
  throw systemError('sendmsg', 'with descriptors')
}

export interface ReceivedMessage {
  /** Empty: the peer has closed. */
  readonly bytes: Uint8Array
  /** The caller's own from now on. */
  readonly fds: readonly number[]
}

const RECEIVE_BYTES = 64 * 1024

/** @returns undefined when there is nothing yet. @throws when the connection is broken or descriptors were lost */
export function receiveWithFds(fd: number): ReceivedMessage | undefined {
  const data = Buffer.allocUnsafeSlow(RECEIVE_BYTES)
  const control = Buffer.allocUnsafeSlow(controlBytes(DESCRIPTORS_PER_MESSAGE_MAX)).fill(0)
  const { header, vector } = messageOf(data, control)
  const length = libc().recvmsg(fd, header, MSG_DONTWAIT_CMSG_CLOEXEC)
  if (length < 0) {
    if (wouldBlock()) return undefined
    throw systemError('recvmsg', 'with descriptors')
  }
  // The structure points at it: it must be alive until the call is over.
  if (vector.length === 0) throw new Error('no room for bytes')
  const fds = descriptorsIn(control.subarray(0, Number(header.readBigUInt64LE(40))))
  if ((header.readInt32LE(48) & MSG_CTRUNC) !== 0) {
    for (const one of fds) libc().close(one)
    throw new Error('descriptors were lost on the way: this process may not open any more')
  }
  return { bytes: data.subarray(0, length), fds }
}

function controlBytes(count: number): number {
  return CONTROL_HEADER_BYTES + Math.ceil((Math.max(count, 1) * 4) / 8) * 8
}

function messageOf(data: Buffer, control: Buffer | undefined): { header: Buffer; vector: Buffer } {
  const system = libc()
  const vector = Buffer.allocUnsafeSlow(16)
  vector.writeBigUInt64LE(system.addressOf(data), 0)
  vector.writeBigUInt64LE(BigInt(data.length), 8)
  const header = Buffer.allocUnsafeSlow(MESSAGE_BYTES).fill(0)
  header.writeBigUInt64LE(system.addressOf(vector), 16)
  header.writeBigUInt64LE(1n, 24)
  if (control !== undefined) {
    header.writeBigUInt64LE(system.addressOf(control), 32)
    header.writeBigUInt64LE(BigInt(control.length), 40)
  }
  return { header, vector }
}

function descriptorsIn(control: Buffer): readonly number[] {
  const fds: number[] = []
  let at = 0
  while (at + CONTROL_HEADER_BYTES <= control.length) {
    const length = Number(control.readBigUInt64LE(at))
    if (length < CONTROL_HEADER_BYTES) break
    const isRights = control.readInt32LE(at + 8) === SOL_SOCKET && control.readInt32LE(at + 12) === SCM_RIGHTS
    for (let i = at + CONTROL_HEADER_BYTES; isRights && i + 4 <= at + length; i += 4) {
      fds.push(control.readInt32LE(i))
    }
    at += Math.ceil(length / 8) * 8
  }
  return fds
}

function wouldBlock(): boolean {
  const errno = libc().errno()
  return errno === constants.errno.EAGAIN || errno === constants.errno.EINTR
}
