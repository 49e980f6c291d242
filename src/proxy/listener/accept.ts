import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ProxyThread } from '../exchange/types.ts'
import type { Network } from '../net/network.ts'
import { readShared } from '../net/shared-read.ts'

export type Receive = (bytes: Buffer, start: number, end: number) => void

/** An accepted socket that is being read; who gets the bytes can change, as when the protocol becomes known. */
export interface AcceptedSocket {
  readonly socket: Socket
  readonly receiver: { receive: Receive }
}

export function acceptSocket(raw: Socket, network: Network, thread: ProxyThread): AcceptedSocket {
  const receiver: { receive: Receive } = { receive: () => {} }
  const socket = network.read(raw, {
    buffer: thread.readBuffer,
    callback(bytes, buffer) {
      receiver.receive(buffer as Buffer, 0, bytes)
      return true
    },
  })
  return { socket, receiver }
}

/** The same for what a handshake has come to. */
export function acceptSecured(socket: TLSSocket, thread: ProxyThread): AcceptedSocket {
  const receiver: AcceptedSocket['receiver'] = { receive: () => {} }
  readShared(socket, {
    buffer: thread.readBuffer,
    callback(bytes, buffer) {
      receiver.receive(buffer as Buffer, 0, bytes)
      return true
    },
  })
  return { socket, receiver }
}
