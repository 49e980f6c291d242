import type { Socket } from 'node:net'
import { parseIpv6 } from '../../base/index.ts'
import type { SocketTarget } from './network.ts'

/** The part of a socket's handle that tells its addresses; TLS on top of it asks it too. */
interface AddressedHandle {
  getpeername?: (out: AddressInfoOut) => number
  getsockname?: (out: AddressInfoOut) => number
}

interface AddressInfoOut {
  address?: string
  port?: number
  family?: string
}

/**
 * From now on the socket, and TLS that is put on it, has these addresses: what a balancer in front has said of a
 * connection. Node has no way to say this, so the handle answers otherwise; nothing may have asked before.
 */
export function claimAddresses(
  socket: Socket,
  addresses: { readonly source: SocketTarget; readonly destination: SocketTarget },
): void {
  const handle = (socket as unknown as { readonly _handle: AddressedHandle | null })._handle
  if (handle === null || handle === undefined) return
  handle.getpeername = (out) => tell(out, addresses.source)
  handle.getsockname = (out) => tell(out, addresses.destination)
}

function tell(out: AddressInfoOut, { address, port }: SocketTarget): number {
  out.address = asKernelSays(address)
  out.port = port
  out.family = address.includes(':') ? 'IPv6' : 'IPv4'
  return 0
}

/** An IPv4 address in IPv6's clothes has its dots. */
function asKernelSays(address: string): string {
  if (!address.startsWith('::ffff:')) return address
  const bytes = parseIpv6(address)
  return bytes === undefined || bytes[10] !== 255 ? address : `::ffff:${bytes.slice(12).join('.')}`
}
