import type { TLSSocket } from 'node:tls'
import { parsePeerIdentity, type PeerIdentityFacts } from '../../policy/index.ts'

/**
 * What a client has shown, as the value of `x-forwarded-client-cert` with the parts that Istio's gateways give.
 * @returns undefined when it has shown nothing
 * @see Envoy, HTTP header manipulation, x-forwarded-client-cert
 */
export function forwardedClientCertificate(socket: TLSSocket): string | undefined {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  const names = alternativeNames(certificate.subjectAltName ?? '')
  return [
    `Hash=${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`,
    `Cert="${encodeURIComponent(certificate.toString())}"`,
    `Subject="${distinguishedName(certificate.subject).replaceAll(/["\\]/g, String.raw`\$&`)}"`,
    ...names.flatMap(([kind, value]) => (kind === 'URI' ? [`URI=${escapeValue(value)}`] : [])),
    ...names.flatMap(([kind, value]) => (kind === 'DNS' ? [`DNS=${escapeValue(value)}`] : [])),
  ].join(';')
}

/**
 * The same with the parts that Istio's sidecars give: the server's own identity as well, and no certificate.
 * @see istio/istio pilot/pkg/networking/core/listener_builder.go, set_current_client_cert_details
 */
export function forwardedIdentity(socket: TLSSocket): string | undefined {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  const own = alternativeNames(socket.getX509Certificate()?.subjectAltName ?? '')
  const names = alternativeNames(certificate.subjectAltName ?? '')
  return [
    ...partsOf('By', own, 'URI'),
    `Hash=${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`,
    `Subject="${distinguishedName(certificate.subject).replaceAll(/["\\]/g, String.raw`\$&`)}"`,
    ...partsOf('URI', names, 'URI'),
    ...partsOf('DNS', names, 'DNS'),
  ].join(';')
}

function partsOf(key: string, names: ReturnType<typeof alternativeNames>, wanted: string): readonly string[] {
  return names.flatMap(([kind, value]) => (kind === wanted ? [`${key}=${escapeValue(value)}`] : []))
}

/** @returns undefined when the client's certificate was not checked, or names no workload of a mesh */
export function peerIdentity(socket: TLSSocket): PeerIdentityFacts | undefined {
  const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined
  if (certificate === undefined) return undefined
  for (const [kind, value] of alternativeNames(certificate.subjectAltName ?? '')) {
    const identity = kind === 'URI' ? parsePeerIdentity(value) : undefined
    if (identity !== undefined) return identity
  }
  return undefined
}

/**
 * RFC 2253: the most specific part first, on one line.
 * @param subject as Node has it; of a certificate that names its holder elsewhere it is undefined, whatever is declared
 */
export function distinguishedName(subject: string | undefined): string {
  if (subject === undefined || subject === '') return ''
  const parts = subject.split('\n').toReversed()
  return parts
    .map((part) => {
      const equals = part.indexOf('=')
      const value = part.slice(equals + 1).replaceAll(/[,+"\\<>;]/g, String.raw`\$&`)
      return `${part.slice(0, equals)}=${value}`
    })
    .join(',')
}

/** Node's text of the extension: `DNS:a.example, URI:spiffe://…`; a value with a comma in it stands in quotes as JSON. */
export function alternativeNames(text: string): readonly (readonly [kind: string, value: string])[] {
  return [...text.matchAll(/(\w[\w ]*):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g)].map(
    ([, kind = '', raw = '']) => [kind, raw.startsWith('"') ? String(JSON.parse(raw)) : raw],
  )
}

/** What would end a part or the line never comes through. */
function escapeValue(value: string): string {
  return /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x7e]*$/.test(value) ? value : `"${encodeURIComponent(value)}"`
}
