import { Socket } from 'node:net'
import {
  closeFd,
  openTcpListener,
  openTcpSocket,
  openUdpSocket,
  originalDestination,
  socketFd,
} from '../../linux/index.ts'
import {
  adoptUdp,
  BACKLOG,
  connectUdpFrom,
  createUdpSocket,
  type Network,
  readAccepted,
  startServer,
} from './network.ts'

/**
 * Sockets in a pod's network namespace, from a process outside it. Outgoing ones carry the mark that the pod's capture
 * rules let pass.
 */
export function createNamespacedNetwork(options: { readonly netns: string; readonly mark: number }): Network {
  const { netns, mark } = options
  return {
    listen: async (listen) => {
      const fd = openTcpListener({ netns, address: listen.address, port: listen.port, backlog: BACKLOG })
      return startServer(listen, (server) => {
        server.once('error', () => closeFd(fd))
        server.listen({ fd }, BACKLOG)
      })
    },
    read: readAccepted,
    connect(connect) {
      const family = familyOf(connect.address)
      let fd: number
      try {
        const bindAddress = connect.localAddress === undefined ? {} : { bindAddress: connect.localAddress }
        fd = openTcpSocket({ netns, family, mark, ...bindAddress })
      } catch (error) {
        // The namespace is gone, or descriptors have run out: to the caller a failed connection like any other.
        const socket = new Socket()
        process.nextTick(() => socket.destroy(error instanceof Error ? error : new Error(String(error))))
        return socket
      }
      // Reading an unconnected socket fails, so that reads start with the connection.
      const init = { fd, onread: connect.onread, allowHalfOpen: true, manualStart: true }
      const socket = new Socket(init)
      socket.setNoDelay(true)
      return socket.connect({ host: connect.address, port: connect.port })
    },
    async listenUdp({ address, port, onSockets }) {
      const fd = openUdpSocket({ netns, family: familyOf(address), bindAddress: address, port })
      onSockets([adoptUdp(address, fd)])
      return { port, close: () => {} }
    },
    connectUdp({ address, port }, local) {
      if (local !== undefined) return connectUdpFrom(local, { address, port }, netns)
      const socket = createUdpSocket(address)
      try {
        socket.bind({ fd: openUdpSocket({ netns, family: familyOf(address), mark }) })
        socket.connect(port, address)
      } catch (error) {
        // As for connections: to the caller a failure like any other.
        process.nextTick(() => socket.emit('error', error))
      }
      return socket
    },
    originalDestination(socket) {
      const fd = socketFd(socket)
      return fd === undefined ? undefined : originalDestination(fd)
    },
  }
}

function familyOf(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4
}
