import type { Socket } from 'node:net'
import { messageOf, type Logger } from '../../base/index.ts'
import type { AppProtocol, Sidecar } from '../../model/index.ts'
import type { BoundListener, Network, SocketTarget } from '../net/network.ts'

/** Where a pod listens because its Sidecar says so, for clients whose connections are not captured. */
export interface BoundPort extends SocketTarget {
  readonly direction: 'ingress' | 'egress'
  readonly protocol: AppProtocol
}

export interface SidecarPorts {
  /** Brings what is bound in line with the Sidecar that holds. */
  readonly follow: (sidecar: Sidecar | undefined) => void
  readonly closeIngress: () => void
  readonly close: () => void
}

export function createSidecarPorts(options: {
  readonly network: Network
  readonly serve: (raw: Socket, port: BoundPort) => void
  readonly logger: Logger
}): SidecarPorts {
  const { network, logger } = options
  /** By name; undefined while it is being bound, and where it could not be. */
  const open = new Map<string, { readonly port: BoundPort; listener?: BoundListener }>()
  let followed: Sidecar | undefined

  function bind(name: string, port: BoundPort): void {
    const entry: { readonly port: BoundPort; listener?: BoundListener } = { port }
    open.set(name, entry)
    const { address } = port
    network.listen({ address, port: port.port, onConnection: (raw) => options.serve(raw, port) }).then(
      (listener) => {
        if (open.get(name) === entry) entry.listener = listener
        else listener.close()
      },
      (error: unknown) => {
        logger.warn(
          `the Sidecar's ${name} could not be bound: ${messageOf(error)}; is the application there already?`,
        )
      },
    )
  }

  function close(isClosed: (port: BoundPort) => boolean): void {
    for (const [name, { port, listener }] of open) {
      if (!isClosed(port)) continue
      open.delete(name)
      listener?.close()
    }
  }

  return {
    follow(sidecar) {
      if (sidecar === followed) return
      followed = sidecar
      const wanted = new Map(
        (sidecar === undefined ? [] : portsOf(sidecar)).map((port) => [nameOf(port), port]),
      )
      close((port) => !wanted.has(nameOf(port)))
      for (const [name, port] of wanted) if (!open.has(name)) bind(name, port)
    },
    closeIngress: () => close(({ direction }) => direction === 'ingress'),
    close: () => close(() => true),
  }
}

function nameOf({ direction, address, port, protocol }: BoundPort): string {
  return `${direction} listener ${address}:${port} (${protocol})`
}

function portsOf(sidecar: Sidecar): readonly BoundPort[] {
  const egress = sidecar.egress.flatMap(({ bind }) =>
    bind === undefined ? [] : [{ direction: 'egress' as const, ...bind }],
  )
  const ingress = sidecar.ingress.flatMap(({ bind, port, protocol }) =>
    bind === undefined ? [] : [{ direction: 'ingress' as const, address: bind, port, protocol }],
  )
  return [...egress, ...ingress]
}
