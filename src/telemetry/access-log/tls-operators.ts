import { fail, ok } from '../../base/index.ts'
import type { OperatorMaker } from './operator.ts'
import type { CertificateFacts, LogRecord, TlsFacts } from './record.ts'
import { compileTimeFormat, isoTime } from './time-format.ts'

/** What an operator reads of a connection's TLS. */
type TlsReader = (tls: TlsFacts) => string | undefined

function ofConnection(read: TlsReader): OperatorMaker {
  return (argument) => {
    if (argument !== undefined) return fail('takes no argument')
    return ok((record) => {
      const tls = downstreamTls(record)
      return tls && read(tls)
    })
  }
}

function downstreamTls(record: LogRecord): TlsFacts | undefined {
  return record.context?.downstreamTls?.()
}

type CertificateReader = (certificate: CertificateFacts) => string | undefined

const joined = (values: readonly string[]) => (values.length === 0 ? undefined : values.join(','))

const CERTIFICATE: Readonly<Record<string, CertificateReader>> = {
  SUBJECT: (certificate) => certificate.subject || undefined,
  URI_SAN: (certificate) => joined(certificate.uris),
  DNS_SAN: (certificate) => joined(certificate.dnsNames),
  IP_SAN: (certificate) => joined(certificate.ips),
  EMAIL_SAN: (certificate) => joined(certificate.emails),
  OTHERNAME_SAN: () => undefined,
}

const PEER_ONLY: Readonly<Record<string, CertificateReader>> = {
  ISSUER: (certificate) => certificate.issuer || undefined,
  SERIAL: (certificate) => certificate.serial,
  FINGERPRINT_1: (certificate) => certificate.sha1,
  FINGERPRINT_256: (certificate) => certificate.sha256,
  CERT: (certificate) => certificate.pem,
}

function validity(read: (certificate: CertificateFacts) => number): OperatorMaker {
  return (argument) => {
    const writer =
      argument === undefined || argument === '' ? ok(isoTime) : compileTimeFormat(argument, 'utc')
    if (!writer.ok) return writer
    return ok((record) => {
      const peer = downstreamTls(record)?.peer
      return peer && writer.value(read(peer))
    })
  }
}

const VALUELESS: OperatorMaker = () => ok(() => undefined)

/** TLS of the client's connection; of the upstream's the proxy keeps nothing per request. */
export const TLS_OPERATORS: Readonly<Record<string, OperatorMaker>> = {
  DOWNSTREAM_TLS_VERSION: ofConnection((tls) => tls.version),
  DOWNSTREAM_TLS_CIPHER: ofConnection((tls) => tls.cipher),
  DOWNSTREAM_TLS_SESSION_ID: ofConnection((tls) => tls.sessionId || undefined),
  DOWNSTREAM_TLS_GROUP: VALUELESS,
  DOWNSTREAM_PEER_CERT_V_START: validity((certificate) => certificate.notBefore),
  DOWNSTREAM_PEER_CERT_V_END: validity((certificate) => certificate.notAfter),
  DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1: VALUELESS,
  DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256: VALUELESS,
  DOWNSTREAM_PEER_CHAIN_SERIALS: VALUELESS,
  ...entriesOf('DOWNSTREAM_PEER_', { ...CERTIFICATE, ...PEER_ONLY }, (tls) => tls.peer),
  ...entriesOf('DOWNSTREAM_LOCAL_', CERTIFICATE, (tls) => tls.local),
  ...Object.fromEntries(
    [
      'TLS_VERSION',
      'TLS_CIPHER',
      'TLS_SESSION_ID',
      'TLS_GROUP',
      'PEER_SUBJECT',
      'PEER_ISSUER',
      'PEER_CERT',
      'PEER_URI_SAN',
      'PEER_DNS_SAN',
      'PEER_IP_SAN',
      'PEER_CERT_V_START',
      'PEER_CERT_V_END',
      'LOCAL_SUBJECT',
      'LOCAL_URI_SAN',
      'LOCAL_DNS_SAN',
      'LOCAL_IP_SAN',
    ].map((name) => [`UPSTREAM_${name}`, VALUELESS]),
  ),
}

function entriesOf(
  prefix: string,
  readers: Readonly<Record<string, CertificateReader>>,
  side: (tls: TlsFacts) => CertificateFacts | undefined,
): Readonly<Record<string, OperatorMaker>> {
  return Object.fromEntries(
    Object.entries(readers).map(([name, read]) => [
      `${prefix}${name}`,
      ofConnection((tls) => {
        const certificate = side(tls)
        return certificate && read(certificate)
      }),
    ]),
  )
}
