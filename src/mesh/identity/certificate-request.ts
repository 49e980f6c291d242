// @peculiar/x509 needs the reflection polyfill before its own first line.
import 'reflect-metadata'
import { createPublicKey, type KeyObject } from 'node:crypto'
import { Pkcs10CertificateRequest, type PublicKey } from '@peculiar/x509'

/** A certificate request that no certificate is made for, and why. */
export class CertificateRequestError extends Error {}

/** One with a key of RSA-8192 and a dozen names stays below. */
const REQUEST_BYTES_MAX = 16 * 1024
const RSA_BITS = { min: 2048, max: 8192 }
const CURVES: readonly string[] = ['prime256v1', 'secp384r1', 'secp521r1']
const PEM =
  /^\s*-----BEGIN (NEW )?CERTIFICATE REQUEST-----[A-Za-z0-9+/=\s]+-----END (NEW )?CERTIFICATE REQUEST-----\s*$/

/**
 * The key of a PKCS#10 request. Nothing else of it counts: the names are those of who asks.
 * @throws CertificateRequestError when it is malformed, too large, weak, or not signed by its own key
 */
export async function keyOfRequest(csr: string): Promise<PublicKey> {
  if (csr.length > REQUEST_BYTES_MAX) {
    throw new CertificateRequestError(`the request is larger than ${REQUEST_BYTES_MAX} bytes`)
  }
  if (!PEM.test(csr)) throw new CertificateRequestError('it is not one certificate request in PEM')
  let request: Pkcs10CertificateRequest
  let key: KeyObject
  try {
    request = new Pkcs10CertificateRequest(csr)
    key = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' })
  } catch {
    throw new CertificateRequestError('it is not a PKCS#10 certificate request')
  }
  const weakness = weaknessOf(key)
  if (weakness !== undefined) throw new CertificateRequestError(weakness)
  // What cannot be verified throws; what does not belong together is false.
  const isOwn = await request.verify().catch(() => false)
  if (!isOwn) throw new CertificateRequestError('the request is not signed by its own key')
  return request.publicKey
}

function weaknessOf(key: KeyObject): string | undefined {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {}
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return modulusLength >= RSA_BITS.min && modulusLength <= RSA_BITS.max
        ? undefined
        : `an RSA key has ${RSA_BITS.min} to ${RSA_BITS.max} bits, this one ${modulusLength}`
    case 'ec':
      return CURVES.includes(namedCurve) ? undefined : `the curve ${namedCurve} is not P-256, P-384 or P-521`
    default:
      return `the key is ${key.asymmetricKeyType}; RSA and ECDSA are certified`
  }
}
