import { formatIpv6 } from '../base/index.ts'
import { libc, systemError } from './libc.ts'
import { inNetns } from './sockets.ts'
import type { SocketAddress } from './socket-address.ts'

const FAMILIES = { 4: 2, 6: 10 } as const
const AF_NETLINK = 16
const SOCK_RAW_CLOEXEC = 0o2000003
const NETLINK_NETFILTER = 12
const UDP = 17

/** Message types and flags. @see linux/netfilter/nfnetlink_conntrack.h, linux/netlink.h */
const CT_GET = 0x101
const CT_DELETE = 0x102
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const REQUEST = 1
const ACK = 4
const DUMP = 0x300
const ENOENT = -2

const HEADER_BYTES = 20
const RECEIVE_BYTES = 64 * 1024
const ATTRIBUTE = { tupleOriginal: 1, tupleReply: 2, id: 12 } as const

/** A flow of datagrams of which the kernel remembers where it goes. */
export interface UdpFlow {
  /** Where the first datagram was sent. */
  readonly destination: SocketAddress
  /** Who answers: another than the destination if it was translated. */
  readonly answers: SocketAddress
}

/**
 * Makes the kernel forget flows of datagrams of one family, so that the next datagram of each is translated anew. Datagrams of a
 * flow that it remembers go where the first one went, also when nobody is there any more.
 * @returns how many were forgotten
 * @throws without CAP_NET_ADMIN
 */
export function forgetUdpFlows(
  isStale: (flow: UdpFlow) => boolean,
  { family, netns }: { readonly family: 4 | 6; readonly netns?: string | undefined },
): number {
  return inNetns(netns, () => {
    const system = libc()
    const fd = system.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_NETFILTER)
    if (fd < 0) throw systemError('socket', 'of netlink')
    try {
      const stale = dump(fd, family).filter((entry) => entry.flow !== undefined && isStale(entry.flow))
      for (const { key } of stale) remove(fd, family, key)
      return stale.length
    } finally {
      system.close(fd)
    }
  })
}

interface Entry {
  /** undefined for other protocols. */
  readonly flow: UdpFlow | undefined
  /** The attributes that name the entry to the kernel, as it wrote them. */
  readonly key: Uint8Array
}

function dump(fd: number, family: 4 | 6): readonly Entry[] {
  send(fd, family, { type: CT_GET, flags: REQUEST | DUMP, attributes: new Uint8Array() })
  const entries: Entry[] = []
  for (;;) {
    for (const { type, body } of receive(fd)) {
      if (type === NLMSG_DONE) return entries
      if (type === NLMSG_ERROR) throw new Error(`the kernel does not list its flows: error ${errorOf(body)}`)
      entries.push(entryOf(body.subarray(4)))
    }
  }
}

function remove(fd: number, family: 4 | 6, key: Uint8Array): void {
  send(fd, family, { type: CT_DELETE, flags: REQUEST | ACK, attributes: key })
  for (const { type, body } of receive(fd)) {
    const error = type === NLMSG_ERROR ? errorOf(body) : 0
    // It may have ended by itself.
    if (error !== 0 && error !== ENOENT) throw new Error(`the kernel does not forget a flow: error ${error}`)
  }
}

function send(
  fd: number,
  family: 4 | 6,
  {
    type,
    flags,
    attributes,
  }: { readonly type: number; readonly flags: number; readonly attributes: Uint8Array },
): void {
  const bytes = new Uint8Array(HEADER_BYTES + attributes.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, bytes.length, true)
  view.setUint16(4, type, true)
  view.setUint16(6, flags, true)
  view.setUint8(16, FAMILIES[family])
  bytes.set(attributes, HEADER_BYTES)
  if (libc().send(fd, bytes, bytes.length, 0) < 0) throw systemError('send', 'over netlink')
}

interface Message {
  readonly type: number
  readonly body: Uint8Array
}

/** The kernel has answered by the time that `send` returns, so this does not wait. */
function receive(fd: number): readonly Message[] {
  const buffer = new Uint8Array(RECEIVE_BYTES)
  const length = libc().recv(fd, buffer, buffer.length, 0)
  if (length < 0) throw systemError('recv', 'over netlink')
  const messages: Message[] = []
  for (let at = 0; at + 16 <= length;) {
    const view = viewOf(buffer.subarray(at))
    const size = view.getUint32(0, true)
    if (size < 16) break
    messages.push({ type: view.getUint16(4, true), body: buffer.subarray(at + 16, at + size) })
    at += aligned(size)
  }
  return messages
}

function errorOf(body: Uint8Array): number {
  return viewOf(body).getInt32(0, true)
}

function entryOf(attributes: Uint8Array): Entry {
  const found = attributesOf(attributes)
  const original = found.get(ATTRIBUTE.tupleOriginal)
  const reply = found.get(ATTRIBUTE.tupleReply)
  const to = original && endOf(original.value, 'destination')
  const answers = reply && endOf(reply.value, 'source')
  return {
    flow: to && answers ? { destination: to, answers } : undefined,
    key: Buffer.concat([original, found.get(ATTRIBUTE.id)].flatMap((one) => (one ? [one.whole] : []))),
  }
}

/** One end of a tuple of UDP. @returns undefined for others */
function endOf(tuple: Uint8Array, end: 'source' | 'destination'): SocketAddress | undefined {
  const parts = attributesOf(tuple)
  const addresses = attributesOf(parts.get(1)?.value ?? new Uint8Array())
  const protocol = attributesOf(parts.get(2)?.value ?? new Uint8Array())
  if (protocol.get(1)?.value[0] !== UDP) return undefined
  const [quad, long] = end === 'source' ? [1, 3] : [2, 4]
  const address = addresses.get(quad)?.value ?? addresses.get(long)?.value
  const port = protocol.get(end === 'source' ? 2 : 3)?.value
  if (address === undefined || port === undefined) return undefined
  const text = address.length === 4 ? [...address].join('.') : formatIpv6(address)
  return { address: text, port: viewOf(port).getUint16(0) }
}

interface Attribute {
  readonly value: Uint8Array
  /** With its header and padding. */
  readonly whole: Uint8Array
}

function attributesOf(bytes: Uint8Array): ReadonlyMap<number, Attribute> {
  const found = new Map<number, Attribute>()
  for (let at = 0; at + 4 <= bytes.length;) {
    const view = viewOf(bytes.subarray(at))
    const size = view.getUint16(0, true)
    if (size < 4) break
    // The upper bits say that it is nested, and in which byte order it is.
    found.set(view.getUint16(2, true) & 0x3fff, {
      value: bytes.subarray(at + 4, at + size),
      whole: bytes.subarray(at, at + aligned(size)),
    })
    at += aligned(size)
  }
  return found
}

function aligned(size: number): number {
  return (size + 3) & ~3
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
