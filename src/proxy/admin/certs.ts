import { X509Certificate } from 'node:crypto'
import type { Credential } from '../../model/index.ts'
import { alternativeNames } from '../tls/client-certificate.ts'
import type { AdminContext } from './types.ts'

const DAY_MS = 86_400_000
const PEM = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g

/** What is public of the credentials: Envoy's `Certificates`. */
export function certificates({ instance, clock }: AdminContext) {
  const entries = [...instance.runtime.store.credentials()].map((credential) => {
    const { chain, trust } = textsOf(credential)
    return {
      cert_chain: detailsOf(chain, credential.key, clock.now()),
      ca_cert: detailsOf(trust, credential.key, clock.now()),
    }
  })
  return { certificates: entries }
}

function textsOf({ certificate, trust }: Credential): { readonly chain: string; readonly trust: string } {
  return { chain: certificate?.chain ?? '', trust: trust ?? '' }
}

function detailsOf(text: string, path: string, now: number) {
  return [...text.matchAll(PEM)].flatMap(([pem]) => {
    const certificate = parse(pem)
    if (certificate === undefined) return []
    const until = Date.parse(certificate.validTo)
    return [
      {
        path,
        serial_number: certificate.serialNumber.toLowerCase(),
        subject_alt_names: alternativeNames(certificate.subjectAltName ?? '').flatMap(([kind, name]) => {
          const member = MEMBERS[kind]
          return member === undefined ? [] : [{ [member]: name }]
        }),
        days_until_expiration: String(Math.max(0, Math.floor((until - now) / DAY_MS))),
        valid_from: new Date(certificate.validFrom).toISOString(),
        expiration_time: new Date(until).toISOString(),
      },
    ]
  })
}

const MEMBERS: Readonly<Record<string, string>> = { URI: 'uri', DNS: 'dns', 'IP Address': 'ip_address' }

function parse(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    // What is no certificate was refused where it was used; here it is only not shown.
    return undefined
  }
}
