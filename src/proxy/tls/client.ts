import { isIP, type Socket, type TcpNetConnectOpts } from 'node:net'
import {
  checkServerIdentity,
  connect,
  type ConnectionOptions,
  createSecureContext,
  getCACertificates,
  type PeerCertificate,
  type SecureContext,
  type TLSSocket,
} from 'node:tls'
import type { Credential, SubjectAltName, TlsDefaults } from '../../model/index.ts'
import type { OnRead } from '../net/network.ts'
import { readShared } from '../net/shared-read.ts'
import { cipherOptions } from './ciphers.ts'
import { alternativeNames } from './client-certificate.ts'

/** Whom a cluster's endpoints have to be, and what they are shown. */
export interface UpstreamTerms {
  readonly serverName: string
  readonly subjectAltNames: readonly SubjectAltName[]
  /** PEM; `system`: the machine's own authorities; `anyone`: nothing is checked. */
  readonly trust: readonly string[] | 'system' | 'anyone'
  readonly certificate: Credential['certificate']
  /** PEM */
  readonly revocations: readonly string[]
  readonly defaults: TlsDefaults | undefined
}

/** Puts TLS on connections to the endpoints of one cluster. */
export interface TlsConnector {
  /**
   * @param raw may still be connecting
   * @param address of the endpoint, whose last session is resumed
   * @param protocol what is spoken inside; absent: bytes
   */
  readonly secure: (raw: Socket, onread: OnRead, peer: TlsPeer) => TLSSocket
  /** The same for a connection that is to be given to the socket that is returned. */
  readonly open: (target: TcpNetConnectOpts, onread: OnRead, peer: TlsPeer) => TLSSocket
}

export interface TlsPeer {
  readonly address: string
  readonly protocol: 'h2' | 'http/1.1' | undefined
}

const MIN_VERSION = 'TLSv1.2'
/** Endpoints whose sessions are kept. */
const SESSIONS_MAX = 4096

/** @throws when the certificates make no context, without quoting them */
export function createTlsConnector(terms: UpstreamTerms): TlsConnector {
  const secureContext = createUpstreamContext(terms)
  return createConnector({
    context: () => secureContext,
    missing: '',
    serverName: terms.serverName,
    isVerified: terms.trust !== 'anyone',
    check: (peer) => checkIdentity(terms, peer),
    protocols: (protocol) => protocol && [protocol],
  })
}

/** How a connector opens TLS. */
export interface ConnectorTerms {
  readonly context: () => SecureContext | undefined
  /** Why there is no context. */
  readonly missing: string
  readonly serverName: string
  readonly isVerified: boolean
  readonly check: (peer: PeerCertificate) => Error | undefined
  /** What is offered by ALPN; absent: nothing. */
  readonly protocols: (protocol: TlsPeer['protocol']) => readonly string[] | undefined
}

export function createConnector(terms: ConnectorTerms): TlsConnector {
  const { serverName } = terms
  const sessions = new Map<string, Buffer>()

  function secureOn(
    transport: Pick<ConnectionOptions, 'socket'> | TcpNetConnectOpts,
    onread: OnRead,
    { address, protocol }: TlsPeer,
  ): TLSSocket {
    const session = sessions.get(`${address} ${protocol ?? ''}`)
    const protocols = terms.protocols(protocol)
    const secureContext = terms.context()
    const socket = connect({
      ...transport,
      ...(secureContext && { secureContext }),
      // An address is no server name (RFC 6066, 3).
      ...(isIP(serverName) === 0 && { servername: serverName }),
      rejectUnauthorized: terms.isVerified,
      checkServerIdentity: (_host, peer) => terms.check(peer),
      ...(protocols !== undefined && { ALPNProtocols: [...protocols] }),
      ...(session !== undefined && { session }),
    })
    // Nothing has been sent yet.
    if (secureContext === undefined) socket.destroy(new Error(terms.missing))
    socket.on('session', (ticket: Buffer) => {
      if (sessions.size >= SESSIONS_MAX) sessions.clear()
      sessions.set(`${address} ${protocol ?? ''}`, ticket)
    })
    readShared(socket, onread)
    return socket
  }

  return {
    secure(raw, onread, peer) {
      const socket = secureOn({ socket: raw }, onread, peer)
      raw.on('error', (error) => socket.destroy(error))
      return socket
    },
    open: (target, onread, peer) => secureOn(target, onread, peer),
  }
}

/** @throws as `createTlsConnector` */
export function createUpstreamContext(terms: UpstreamTerms): SecureContext {
  const { trust, certificate, revocations } = terms
  return createSecureContext({
    minVersion: MIN_VERSION,
    ...cipherOptions({}, terms.defaults),
    ...(revocations.length > 0 && { crl: [...revocations] }),
    ...(trust !== 'anyone' && { ca: trust === 'system' ? systemAuthorities() : [...trust] }),
    ...(certificate && { cert: certificate.chain, key: certificate.privateKey }),
  })
}

/** The event that says that a socket can be used: with TLS, not before the other end has proven itself. */
export function readyEvent(socket: Socket): 'connect' | 'secureConnect' {
  return (socket as Partial<TLSSocket>).encrypted === true ? 'secureConnect' : 'connect'
}

function systemAuthorities(): string[] {
  const own = getCACertificates('system')
  return own.length > 0 ? own : getCACertificates('default')
}

/** Where names are given, one of them must be in the certificate; otherwise the server's name must. */
export function checkIdentity(terms: UpstreamTerms, peer: PeerCertificate): Error | undefined {
  const { subjectAltNames, serverName } = terms
  return subjectAltNames.length === 0
    ? checkServerIdentity(serverName, peer)
    : checkNames(subjectAltNames, peer)
}

/** One of them must be in the certificate. */
export function checkNames(
  subjectAltNames: readonly SubjectAltName[],
  peer: Pick<PeerCertificate, 'subjectaltname'>,
): Error | undefined {
  const given = alternativeNames(peer.subjectaltname ?? '')
  const fits = subjectAltNames.some((wanted) => given.some(([kind, value]) => isMatch(wanted, kind, value)))
  return fits
    ? undefined
    : Object.assign(new Error('verify SAN list'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
}

function isMatch(wanted: SubjectAltName, kind: string, value: string): boolean {
  switch (wanted.kind) {
    case 'dns':
      return kind === 'DNS' && covers(value, wanted.value)
    case 'uri':
      return kind === 'URI' && value === wanted.value
    default:
      if (wanted.value.endsWith('*')) return value.startsWith(wanted.value.slice(0, -1))
      return value === wanted.value || (kind === 'DNS' && covers(value, wanted.value))
  }
}

/** RFC 6125: a wildcard stands for one label, the first. */
function covers(pattern: string, name: string): boolean {
  const [own, other] = [pattern.toLowerCase(), name.toLowerCase()]
  if (own === other) return true
  const dot = other.indexOf('.')
  return dot > 0 && own.startsWith('*.') && own.slice(1) === other.slice(dot)
}
