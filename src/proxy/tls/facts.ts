import type { TLSSocket } from 'node:tls'
import type { X509Certificate } from 'node:crypto'
import type { CertificateFacts, TlsFacts } from '../../telemetry/index.ts'
import { alternativeNames, distinguishedName } from './client-certificate.ts'

/** What a connection was agreed to be, worked out when a log first asks for it. */
export function tlsFactsOf(socket: TLSSocket): () => TlsFacts | undefined {
  let facts: TlsFacts | undefined
  return () => (facts ??= readFacts(socket))
}

/** @returns undefined when the connection has gone and nobody had asked before */
function readFacts(socket: TLSSocket): TlsFacts | undefined {
  const version = socket.getProtocol()
  // Node declares it as always there; of a connection that has gone it is not.
  const cipher = socket.getCipher() as ReturnType<TLSSocket['getCipher']> | undefined
  if (version === null || cipher === undefined) return undefined
  const peer = socket.getPeerX509Certificate()
  const local = socket.getX509Certificate()
  return {
    version,
    cipher: cipher.name,
    sessionId: '',
    peer: peer && certificateFacts(peer),
    local: local && certificateFacts(local),
  }
}

function certificateFacts(certificate: X509Certificate): CertificateFacts {
  const names = alternativeNames(certificate.subjectAltName ?? '')
  const ofKind = (wanted: string) => names.flatMap(([kind, value]) => (kind === wanted ? [value] : []))
  return {
    subject: distinguishedName(certificate.subject),
    issuer: distinguishedName(certificate.issuer),
    serial: certificate.serialNumber.toLowerCase(),
    sha1: hexOf(certificate.fingerprint),
    sha256: hexOf(certificate.fingerprint256),
    uris: ofKind('URI'),
    dnsNames: ofKind('DNS'),
    ips: ofKind('IP Address'),
    emails: ofKind('email'),
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
    pem: encodeURIComponent(certificate.toString()),
  }
}

function hexOf(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toLowerCase()
}
