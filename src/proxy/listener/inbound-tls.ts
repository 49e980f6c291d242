import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { type Logger, messageOf } from '../../base/index.ts'
import { WORKLOAD_CREDENTIAL } from '../../model/index.ts'
import type { PeerIdentityFacts } from '../../policy/index.ts'
import { peerIdentity } from '../tls/client-certificate.ts'
import type { MeshMaterial } from '../tls/mesh.ts'
import { createTlsTermination, type TlsTermination } from '../tls/server.ts'
import type { TicketKeys } from '../tls/ticket-keys.ts'

/** A connection in mutual TLS, with whom it comes from. */
export interface MutualConnection {
  readonly socket: TLSSocket
  readonly peer: PeerIdentityFacts
}

/** Takes connections to a sidecar's application through the mesh's handshake. */
export interface InboundTls {
  /** @param first what was read of it; the socket is paused */
  readonly accept: (socket: Socket, first: Buffer, onSecure: (connection: MutualConnection) => void) => void
}

export function createInboundTls(options: {
  readonly material: () => MeshMaterial | undefined
  /** Those whose identities count: the mesh's own, and its aliases. */
  readonly isTrustDomain: (trustDomain: string) => boolean
  readonly ticketKeys: TicketKeys
  /** Of the proxy, for sessions: one workload's are no other's. */
  readonly proxy: string
  readonly logger: Logger
}): InboundTls {
  const { logger } = options
  /** What follows a handshake, by the client's address and port: TLS makes a socket of its own. */
  const waiting = new Map<string, (connection: MutualConnection) => void>()
  /** One object for all connections of an identity: series are found by it. */
  const peers = new Map<string, PeerIdentityFacts>()
  let made: { readonly material: MeshMaterial; readonly termination: TlsTermination } | undefined

  function refused(reason: string): void {
    logger.debug('a connection in mutual TLS is refused', { reason })
  }

  function onSecure(socket: TLSSocket): void {
    const next = waiting.get(placeOf(socket))
    const peer = peerIdentity(socket)
    if (next === undefined) socket.destroy()
    else if (peer === undefined) refuse(socket, 'the client’s certificate names no workload')
    else if (!options.isTrustDomain(peer.trustDomain)) {
      refuse(socket, `${peer.principal} is of a trust domain that is not this mesh’s`)
    } else next({ socket, peer: known(peer) })
  }

  function known(peer: PeerIdentityFacts): PeerIdentityFacts {
    const before = peers.get(peer.principal)
    if (before !== undefined) return before
    if (peers.size >= PEERS_MAX) peers.clear()
    peers.set(peer.principal, peer)
    return peer
  }

  function refuse(socket: TLSSocket, reason: string): void {
    refused(reason)
    socket.destroy()
  }

  /** Connections keep what they began with; those that follow have what there is now. */
  function termination(): TlsTermination | undefined {
    const material = options.material()
    if (material === undefined) return undefined
    if (made?.material.certificate === material.certificate && made.material.trust === material.trust)
      return made.termination
    try {
      made = { material, termination: terminate(material) }
    } catch (error) {
      // The control plane signed it: it can only be that it was cut short on its way. The last good one goes on.
      logger.error(`the workload's certificate cannot be used: ${messageOf(error)}`)
    }
    return made?.termination
  }

  function terminate({ certificate, trust }: MeshMaterial): TlsTermination {
    return createTlsTermination({
      material: {
        listener: `inbound ${options.proxy}`,
        terms: {
          kind: 'terminate',
          certificates: [WORKLOAD_CREDENTIAL],
          clients: { kind: 'required', trust: [WORKLOAD_CREDENTIAL] },
        },
        certificates: [certificate],
        trust: [trust],
        revocations: [],
        // As in Istio, MeshConfig's tlsDefaults do not mean TLS of the mesh itself.
        defaults: undefined,
      },
      content: 'mesh',
      ticketKeys: options.ticketKeys,
      onSecure,
      onFailure: refused,
    })
  }

  return {
    accept(socket, first, next) {
      const server = termination()
      if (server === undefined) {
        refused('this proxy has no certificate yet')
        socket.destroy()
        return
      }
      const place = placeOf(socket)
      waiting.set(place, next)
      socket.once('close', () => {
        if (waiting.get(place) === next) waiting.delete(place)
      })
      // Its errors are told by what stands on top of it now.
      socket.on('error', () => {})
      socket.unshift(first)
      server.accept(socket)
    },
  }
}

const PEERS_MAX = 1000

function placeOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
