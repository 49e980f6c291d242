import type { Socket } from 'node:net'
import { createMeshTable, type MeshTable } from '../../routing/index.ts'
import type { RouteSink } from '../config/route-sink.ts'
import type { BoundListener, SocketTarget } from '../net/network.ts'
import { createInbound } from './inbound.ts'
import { createOutbound } from './outbound.ts'
import { createSidecarPorts } from './sidecar-ports.ts'
import type { SidecarParts } from './sidecar-parts.ts'

export interface SidecarListeners {
  readonly sink: RouteSink
  readonly start: () => Promise<void>
  readonly table: MeshTable
  readonly ports: () => { readonly outbound: number; readonly inbound: number }
  readonly stopAccepting: () => void
  readonly close: () => void
}

/** The two captured directions: what the application calls (15001) and what calls it (15006). */
export function createSidecarListeners(
  options: SidecarParts & {
    readonly address: string
    readonly ports: { readonly outbound: number; readonly inbound: number }
  },
): SidecarListeners {
  const table = createMeshTable(options.namespace)
  const outbound = createOutbound(options, table)
  const inbound = createInbound(options)
  const ports = createSidecarPorts({
    network: options.upstream.network,
    serve(raw, { direction, address, port, protocol }) {
      if (direction === 'egress') outbound.serve(raw, { address, port }, protocol)
      else inbound.serve(raw, { address: raw.localAddress ?? address, port })
    },
    logger: options.logger,
  })
  const bound: { outbound?: BoundListener; inbound?: BoundListener } = {}
  const { network } = options.upstream

  /** Hands over a connection that was redirected; one that dialled the listener itself would go round for ever. */
  function captured(raw: Socket, serve: (raw: Socket, original: SocketTarget) => void): void {
    const original = network.originalDestination(raw)
    if (original === undefined || isOwn(original)) {
      raw.destroy()
      return
    }
    serve(raw, original)
  }

  function isOwn(original: SocketTarget): boolean {
    if (original.port !== bound.outbound?.port && original.port !== bound.inbound?.port) return false
    return isLoopback(original.address) || options.own()?.addresses.includes(original.address) !== false
  }

  return {
    table,
    sink: {
      setRoute: (route) => table.setCompiled(route),
      deleteRoute: (key) => table.delete(key),
      changed() {
        inbound.refresh()
        ports.follow(options.runtime.scope.sidecar())
      },
    },
    async start() {
      const { address, ports } = options
      bound.outbound = await network.listen({
        address,
        port: ports.outbound,
        onConnection: (raw) => captured(raw, outbound.serve),
      })
      bound.inbound = await network.listen({
        address,
        port: ports.inbound,
        onConnection: (raw) => captured(raw, inbound.serve),
      })
    },
    ports: () => ({ outbound: bound.outbound?.port ?? 0, inbound: bound.inbound?.port ?? 0 }),
    stopAccepting() {
      // New outgoing connections of an application that is finishing its work still pass; it is stopped after us.
      bound.inbound?.close()
      ports.closeIngress()
    },
    close() {
      ports.close()
      bound.inbound?.close()
      bound.outbound?.close()
      outbound.close()
      inbound.close()
    },
  }
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1'
}
