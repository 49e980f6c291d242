import { constants, createHash, X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { createSecureContext, createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls'
import { messageOf } from '../../base/index.ts'
import type { ClientCertificates, Credential, ListenerTls, TlsDefaults } from '../../model/index.ts'
import { cipherOptions } from './ciphers.ts'
import { alternativeNames } from './client-certificate.ts'
import { meshProtocol } from './mesh.ts'
import type { TicketKeys } from './ticket-keys.ts'

export type TerminatingTls = Extract<ListenerTls, { kind: 'terminate' }>

/** What a listener terminates TLS with: its terms, and the credentials that they name as far as they are here. */
export interface TlsMaterial {
  readonly listener: string
  readonly terms: TerminatingTls
  readonly certificates: readonly NonNullable<Credential['certificate']>[]
  /** PEM; the bundles of clients' authorities. */
  readonly trust: readonly string[]
  /** PEM; the revocation lists of those authorities. */
  readonly revocations: readonly string[]
  /** The mesh's, for what the terms leave open. */
  readonly defaults: TlsDefaults | undefined
}

/** Takes connections of one listener through their handshakes. Replaced as a whole; connections keep what they have. */
export interface TlsTermination {
  /** @param socket paused, with all that was read from it put back */
  readonly accept: (socket: Socket) => void
}

/** Envoy's transport_socket_connect_timeout in Istio's gateways. */
const HANDSHAKE_MS = 15_000
/** Istio's default. */
const MIN_VERSION = 'TLSv1.2'
/** @throws when the material does not make a server, without quoting it */
export function createTlsTermination(options: {
  readonly material: TlsMaterial
  readonly content: keyof typeof PROTOCOL_CHOICES
  readonly ticketKeys: TicketKeys
  readonly onSecure: (socket: TLSSocket) => void
  /** A handshake that came to nothing. */
  readonly onFailure: (reason: string) => void
}): TlsTermination {
  const { material, content } = options
  const { clients } = material.terms
  const choose = createContextChoice(material, options.ticketKeys)
  const isAccepted = createClientCheck(clients)
  let ticketKey = options.ticketKeys.current()
  const agree = PROTOCOL_CHOICES[content]
  const isClientAsked = clients.kind !== 'none'
  const server: Server = createServer({
    ...contextOptions(material, ticketKey, material.certificates.slice(0, 1)),
    handshakeTimeout: HANDSHAKE_MS,
    allowHalfOpen: true,
    requestCert: isClientAsked,
    rejectUnauthorized: clients.kind === 'required',
    SNICallback: (name, done) => done(null, choose(name.toLowerCase())),
    ...(agree !== undefined && {
      ALPNCallback: ({ protocols }: { protocols: readonly string[] }) => agree(protocols),
    }),
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    const certificate = isClientAsked ? socket.getPeerX509Certificate() : undefined
    if (certificate === undefined || clients.kind === 'unverified') return options.onSecure(socket)
    // With `required` the handshake has failed already.
    const problem = socket.authorized ? isAccepted(certificate) : messageOf(socket.authorizationError)
    if (problem === undefined) return options.onSecure(socket)
    options.onFailure(`the client's certificate is not accepted: ${problem}`)
    socket.destroy()
  })
  server.on('tlsClientError', (error, socket) => {
    options.onFailure(messageOf(error))
    socket.destroy()
  })
  return {
    accept(socket) {
      const key = options.ticketKeys.current()
      if (key !== ticketKey) server.setTicketKeys((ticketKey = key))
      server.emit('connection', socket)
    },
  }
}

/** @returns why a client with a good certificate is not let in */
function createClientCheck(
  clients: ClientCertificates,
): (certificate: X509Certificate) => string | undefined {
  const accepted = 'accepted' in clients ? clients.accepted : undefined
  if (accepted === undefined) return () => undefined
  const names = accepted.names && new Set(accepted.names)
  const { certificateHashes, keyHashes } = accepted
  const hashes =
    certificateHashes || keyHashes ? new Set([...(certificateHashes ?? []), ...(keyHashes ?? [])]) : undefined
  return (certificate) => {
    const own = alternativeNames(certificate.subjectAltName ?? '')
    if (names !== undefined && !own.some(([, name]) => names.has(name))) return 'verify SAN list'
    if (hashes === undefined || certificateIds(certificate).some((id) => hashes.has(id))) return undefined
    return 'verify hash'
  }
}

function certificateIds(certificate: X509Certificate): readonly string[] {
  const key = certificate.publicKey.export({ type: 'spki', format: 'der' })
  return [
    certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    createHash('sha256').update(key).digest('base64'),
  ]
}

/** HTTP/2 where the client can; one that offers only what is not spoken here is told so (RFC 7301, 3.2). */
function protocolOf(offered: readonly string[]): string | undefined {
  return ['h2', 'http/1.1', 'http/1.0'].find((protocol) => offered.includes(protocol))
}

const PROTOCOL_CHOICES = { http: protocolOf, mesh: meshProtocol, bytes: undefined } as const

function contextOptions(material: TlsMaterial, ticketKey: Buffer, certificates: TlsMaterial['certificates']) {
  const { terms, trust, revocations } = material
  const { minVersion, maxVersion } = terms
  return {
    cert: certificates.map(({ chain }) => chain),
    key: certificates.map(({ privateKey }) => privateKey),
    minVersion: minVersion ?? MIN_VERSION,
    ...(maxVersion !== undefined && { maxVersion }),
    ...cipherOptions(terms, material.defaults),
    ...(trust.length > 0 && { ca: [...trust] }),
    ...(revocations.length > 0 && { crl: [...revocations] }),
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_PRIORITIZE_CHACHA,
    ticketKeys: ticketKey,
    sessionIdContext: sessionContext(material),
  } as const
}

/** A session of one listener must not open another, nor outlive a change of whom clients are believed from. */
function sessionContext({ listener, terms, trust, revocations }: TlsMaterial): string {
  return createHash('sha256')
    .update(JSON.stringify([listener, terms.clients, terms.minVersion, trust, revocations]))
    .digest('hex')
    .slice(0, 32)
}

/** Which certificates to show for a name: those that name it, then those whose wildcard holds it, then the first. */
function createContextChoice(material: TlsMaterial, ticketKeys: TicketKeys): (name: string) => SecureContext {
  const all = material.certificates.map((certificate) => ({ certificate, ...describe(certificate.chain) }))
  let ticketKey = ticketKeys.current()
  let made = new Map<string, SecureContext>()
  // A certificate that makes no context shows now, not when a client asks for it.
  for (const { certificate } of all) createSecureContext(contextOptions(material, ticketKey, [certificate]))
  return (name) => {
    if (ticketKeys.current() !== ticketKey) {
      ticketKey = ticketKeys.current()
      made = new Map()
    }
    const exact = all.filter(({ names }) => names.has(name))
    const dot = name.indexOf('.')
    const wildcard = dot < 0 ? [] : all.filter(({ names }) => names.has(`*${name.slice(dot)}`))
    const fitting = [exact, wildcard, all].find((list) => list.length > 0) ?? []
    // One for each kind of key: OpenSSL shows the one whose algorithm the client can check.
    const used = [...new Map(fitting.toReversed().map((one) => [one.keyType, one])).values()]
    const isFallback = fitting === all
    const chosen = isFallback ? all.slice(0, 1) : used
    const id = chosen.map((one) => all.indexOf(one)).join(' ')
    let context = made.get(id)
    if (context === undefined) {
      const certificates = chosen.map(({ certificate }) => certificate)
      context = createSecureContext(contextOptions(material, ticketKey, certificates))
      made.set(id, context)
    }
    return context
  }
}

function describe(chain: string): { readonly names: ReadonlySet<string>; readonly keyType: string } {
  const leaf = new X509Certificate(chain)
  const names = alternativeNames(leaf.subjectAltName ?? '').flatMap(([kind, value]) =>
    kind === 'DNS' ? [value.toLowerCase()] : [],
  )
  return { names: new Set(names), keyType: leaf.publicKey.asymmetricKeyType ?? '' }
}
