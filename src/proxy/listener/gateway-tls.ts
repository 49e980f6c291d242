import type { TLSSocket } from 'node:tls'
import { deepEqual, type Logger, messageOf } from '../../base/index.ts'
import type { Credential, CredentialName, Listener, ListenerName, TlsDefaults } from '../../model/index.ts'
import { gatherMaterial } from '../tls/listener-material.ts'
import type { TicketKeys } from '../tls/ticket-keys.ts'
import { createTlsTermination, type TlsMaterial, type TlsTermination } from '../tls/server.ts'

/** The listeners of a gateway that terminate TLS, each with what it shows to clients at the moment. */
export interface GatewayTls {
  /** Brings terms and certificates in line; connections that exist keep theirs. */
  readonly follow: (listeners: Iterable<Listener>) => void
  /** @returns undefined while there is nothing to serve with */
  readonly termination: (listener: ListenerName) => TlsTermination | undefined
  /** Why listeners do not serve. */
  readonly problems: () => Iterable<readonly [ListenerName, string]>
}

interface Terminating {
  readonly material: TlsMaterial
  readonly termination: TlsTermination
}

export function createGatewayTls(options: {
  readonly credential: (key: CredentialName) => Credential | undefined
  readonly namespace: string
  readonly ticketKeys: TicketKeys
  readonly defaults: () => TlsDefaults | undefined
  readonly logger: Logger
  readonly onSecure: (listener: ListenerName, socket: TLSSocket) => void
}): GatewayTls {
  const { logger } = options
  let known = new Map<ListenerName, Terminating>()
  let problems = new Map<ListenerName, string>()

  function make(material: TlsMaterial, listener: Listener): TlsTermination | string {
    try {
      return createTlsTermination({
        material,
        content: listener.protocol === 'https' ? 'http' : 'bytes',
        ticketKeys: options.ticketKeys,
        onSecure: (socket) => options.onSecure(listener.key, socket),
        onFailure: (reason) =>
          logger.debug('a TLS handshake came to nothing', { listener: listener.key, reason }),
      })
    } catch (error) {
      return `listener ${listener.key} cannot serve with its certificates: ${messageOf(error)}`
    }
  }

  /** What cannot be served with the new terms goes on with the last good ones. */
  function next(listener: Listener): Terminating | string {
    const before = known.get(listener.key)
    const gathered = gatherMaterial(listener, options.credential, options.namespace)
    if (typeof gathered === 'string') return before ?? gathered
    const material = { ...gathered, defaults: options.defaults() }
    if (before !== undefined && isSame(before.material, material)) return before
    const termination = make(material, listener)
    return typeof termination === 'string' ? (before ?? termination) : { material, termination }
  }

  return {
    follow(listeners) {
      const followed = new Map<ListenerName, Terminating>()
      const troubles = new Map<ListenerName, string>()
      for (const listener of listeners) {
        if (listener.tls?.kind !== 'terminate') continue
        const result = next(listener)
        if (typeof result !== 'string') followed.set(listener.key, result)
        else {
          troubles.set(listener.key, result)
          if (problems.get(listener.key) !== result) logger.warn(result)
        }
      }
      known = followed
      problems = troubles
    },
    termination: (listener) => known.get(listener)?.termination,
    problems: () => problems,
  }
}

/** Credentials are replaced as whole objects, so that what is the same text came from the same version. */
function isSame(a: TlsMaterial, b: TlsMaterial): boolean {
  return (
    a.terms === b.terms &&
    deepEqual(a.defaults, b.defaults) &&
    a.certificates.length === b.certificates.length &&
    a.certificates.every((certificate, i) => certificate === b.certificates[i]) &&
    isSameList(a.trust, b.trust) &&
    isSameList(a.revocations, b.revocations)
  )
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i])
}
