import { X509Certificate } from 'node:crypto'

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g

/** The certificates of a text, one PEM each, ending in a line break; what else stands in it is left out. */
export function certificatesIn(pem: string): readonly string[] {
  return (pem.match(CERTIFICATE) ?? []).map((one) => `${one}\n`)
}

export function fingerprintOf(pem: string): string {
  return new X509Certificate(pem).fingerprint256
}

/** Whether what one of them has signed is good under the other too: a root renewed with its own key. */
export function isRenewalOf(a: string, b: string): boolean {
  const [one, other] = [new X509Certificate(a), new X509Certificate(b)]
  const keyOf = (certificate: X509Certificate): string =>
    certificate.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
  return one.subject === other.subject && keyOf(one) === keyOf(other)
}
