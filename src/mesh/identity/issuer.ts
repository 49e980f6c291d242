// @peculiar/x509 needs the reflection polyfill before its own first line.
import 'reflect-metadata'
import {
  createPrivateKey,
  type KeyObject,
  randomBytes,
  webcrypto,
  X509Certificate as NodeCertificate,
} from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  type PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'

type CryptoKey = webcrypto.CryptoKey

const EC: webcrypto.EcKeyGenParams & webcrypto.EcdsaParams = {
  name: 'ECDSA',
  namedCurve: 'P-256',
  hash: 'SHA-256',
}

/** Clocks of a cluster differ a little: a new certificate is valid from before now. */
const CLOCK_SKEW_MS = 2 * 60_000

/** A certificate with its private key, both PEM (the key PKCS#8). */
export interface KeyedCertificate {
  readonly certificate: string
  readonly key: string
}

export type SubjectName =
  | { readonly kind: 'dns'; readonly name: string }
  | { readonly kind: 'uri'; readonly uri: string }

/** Issues certificates under one signing certificate. */
export interface Issuer {
  /** PEM of what clients trust. */
  readonly rootCertificate: string
  readonly notAfter: Date
  /** A new key and its certificate. */
  readonly issue: (options: {
    readonly names: readonly SubjectName[]
    readonly ttlMs: number
  }) => Promise<KeyedCertificate>
  /**
   * A certificate for the key of a request.
   * @throws Error when the request is malformed or not signed by its own key
   */
  readonly sign: (options: {
    readonly csr: string
    readonly names: readonly SubjectName[]
    readonly ttlMs: number
  }) => Promise<readonly string[]>
}

/** A self-signed root (ECDSA P-256), as Istio makes one when none is given. */
export async function createRoot(options: {
  readonly organization: string
  readonly now: number
  readonly ttlMs: number
}): Promise<KeyedCertificate> {
  const keys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `O=${options.organization}`,
    notBefore: new Date(options.now),
    notAfter: new Date(options.now + options.ttlMs),
    signingAlgorithm: EC,
    keys,
    extensions: [
      new KeyUsagesExtension(
        KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature,
        true,
      ),
      new BasicConstraintsExtension(true, undefined, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate: certificate.toString('pem'), key: await exportKey(keys.privateKey) }
}

export interface SigningAuthority extends KeyedCertificate {
  /** PEM; the signing certificate itself when it is the root. */
  readonly rootCertificate: string
  /** PEM of what lies between a leaf and the root, the signing certificate first; empty when it is the root. */
  readonly intermediates: string
  readonly now: () => number
}

/** @throws Error when certificate and key do not belong together */
export async function createIssuer(authority: SigningAuthority): Promise<Issuer> {
  const signer = new X509Certificate(authority.certificate)
  const key = createPrivateKey(authority.key)
  if (!new NodeCertificate(authority.certificate).checkPrivateKey(key))
    throw new Error('the private key does not belong to the CA certificate')
  const isRsa = key.asymmetricKeyType === 'rsa'
  const algorithm = isRsa
    ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
    : { ...EC, namedCurve: curveOf(key) }
  const der = key.export({ type: 'pkcs8', format: 'der' })
  const signingKey = await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign'])

  const certify = async (publicKey: PublicKey | CryptoKey, names: readonly SubjectName[], ttlMs: number) => {
    const now = authority.now()
    const notAfter = new Date(Math.min(now + ttlMs, signer.notAfter.getTime()))
    const certificate = await X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      issuer: signer.subjectName,
      notBefore: new Date(now - CLOCK_SKEW_MS),
      notAfter,
      signingAlgorithm: algorithm,
      signingKey,
      publicKey,
      extensions: await leafExtensions(publicKey, names, signer),
    })
    return certificate.toString('pem')
  }

  return {
    rootCertificate: authority.rootCertificate,
    notAfter: signer.notAfter,
    async issue({ names, ttlMs }) {
      const keys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify'])
      const certificate = await certify(keys.publicKey, names, ttlMs)
      return { certificate: certificate + authority.intermediates, key: await exportKey(keys.privateKey) }
    },
    async sign({ csr, names, ttlMs }) {
      const request = new Pkcs10CertificateRequest(csr)
      if (!(await request.verify())) throw new Error('the certificate request is not signed by its own key')
      const leaf = await certify(request.publicKey, names, ttlMs)
      const chain = [leaf, authority.intermediates, authority.rootCertificate]
      return chain.filter((pem) => pem !== '')
    },
  }
}

async function leafExtensions(
  publicKey: PublicKey | CryptoKey,
  names: readonly SubjectName[],
  signer: X509Certificate,
): Promise<Extension[]> {
  const json = names.map((name) =>
    name.kind === 'dns'
      ? ({ type: 'dns', value: name.name } as const)
      : ({ type: 'url', value: name.uri } as const),
  )
  return [
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
    new BasicConstraintsExtension(false, undefined, true),
    // There is no subject, so the names are critical (RFC 5280, 4.2.1.6).
    new SubjectAlternativeNameExtension(json, true),
    await SubjectKeyIdentifierExtension.create(publicKey),
    await AuthorityKeyIdentifierExtension.create(signer.publicKey),
  ]
}

async function exportKey(key: CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64')
  return `-----BEGIN PRIVATE KEY-----\n${der.replaceAll(/(.{64})(?!$)/g, '$1\n')}\n-----END PRIVATE KEY-----\n`
}

/** 127 random bits: a positive number in DER. */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01
  return bytes.toString('hex')
}

function curveOf(key: KeyObject): string {
  const curve = key.asymmetricKeyDetails?.namedCurve
  if (curve === 'prime256v1') return 'P-256'
  if (curve === 'secp384r1') return 'P-384'
  throw new Error(`the CA key is ${key.asymmetricKeyType} ${curve ?? ''}; RSA, P-256 and P-384 are served`)
}
