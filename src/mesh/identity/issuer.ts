// @peculiar/x509 needs the reflection polyfill before its own first line.
import 'reflect-metadata'
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, webcrypto } from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  type PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { keyOfRequest } from './certificate-request.ts'
import type { SigningAuthority } from './signing-authority.ts'

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
  /** PEM of the root that its chains end in. */
  readonly root: string
  /** When the first of the certificates between a leaf and the root, and the root itself, runs out. */
  readonly notAfter: Date
  readonly rootNotAfter: Date
  /** A new key and its certificate. */
  readonly issue: (options: {
    readonly names: readonly SubjectName[]
    readonly ttlMs: number
  }) => Promise<KeyedCertificate>
  /**
   * A certificate for the key of a request: PEM, the leaf first, then what leads to the root, without the root.
   * @throws CertificateRequestError when the request is malformed, weak, or not signed by its own key
   */
  readonly sign: (options: {
    readonly csr: string
    readonly names: readonly SubjectName[]
    readonly ttlMs: number
  }) => Promise<readonly string[]>
}

export interface RootOptions {
  readonly organization: string
  readonly now: number
  readonly ttlMs: number
}

/** A self-signed root (ECDSA P-256; Istio's own is RSA-2048, which costs sixteen times as much to sign with). */
export async function createRoot(options: RootOptions): Promise<KeyedCertificate> {
  const keys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify'])
  const certificate = await selfSigned(`O=${options.organization}`, keys, EC, options)
  return { certificate, key: await exportKey(keys.privateKey) }
}

/** The same root with a new life: same name, same key, so that what it has signed goes on being believed. */
export async function renewRoot(
  root: KeyedCertificate,
  options: { readonly now: number; readonly ttlMs: number },
): Promise<KeyedCertificate> {
  const key = createPrivateKey(root.key)
  const algorithm = algorithmOf(key)
  const publicDer = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const keys = {
    privateKey: await importKey(key),
    publicKey: await webcrypto.subtle.importKey('spki', publicDer, algorithm, true, ['verify']),
  }
  const name = new X509Certificate(root.certificate).subjectName.toString()
  return { certificate: await selfSigned(name, keys, algorithm, options), key: root.key }
}

type SigningAlgorithm = typeof EC | { readonly name: 'RSASSA-PKCS1-v1_5'; readonly hash: 'SHA-256' }

async function selfSigned(
  name: string,
  keys: { readonly privateKey: CryptoKey; readonly publicKey: CryptoKey },
  signingAlgorithm: SigningAlgorithm,
  options: { readonly now: number; readonly ttlMs: number },
): Promise<string> {
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name,
    notBefore: new Date(options.now - CLOCK_SKEW_MS),
    notAfter: new Date(options.now + options.ttlMs),
    signingAlgorithm,
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
  return withNewline(certificate.toString('pem'))
}

/** @param now the current time, in milliseconds since the epoch */
export async function createIssuer(authority: SigningAuthority, now: () => number): Promise<Issuer> {
  const signer = new X509Certificate(authority.certificate)
  const key = createPrivateKey(authority.key)
  const algorithm = algorithmOf(key)
  const signingKey = await importKey(key)
  const above = [...authority.intermediates, authority.root].map((pem) => new X509Certificate(pem).notAfter)
  const notAfter = Math.min(...above.map((date) => date.getTime()))

  const certify = async (publicKey: PublicKey | CryptoKey, names: readonly SubjectName[], ttlMs: number) => {
    if (now() >= notAfter) throw new Error('the certificate authority has expired')
    const certificate = await X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      issuer: signer.subjectName,
      notBefore: new Date(now() - CLOCK_SKEW_MS),
      notAfter: new Date(Math.min(now() + ttlMs, notAfter)),
      signingAlgorithm: algorithm,
      signingKey,
      publicKey,
      extensions: await leafExtensions(publicKey, names, signer),
    })
    return withNewline(certificate.toString('pem'))
  }

  return {
    root: authority.root,
    notAfter: new Date(notAfter),
    rootNotAfter: new X509Certificate(authority.root).notAfter,
    async issue({ names, ttlMs }) {
      const keys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify'])
      const leaf = await certify(keys.publicKey, names, ttlMs)
      return {
        certificate: [leaf, ...authority.intermediates].join(''),
        key: await exportKey(keys.privateKey),
      }
    },
    async sign({ csr, names, ttlMs }) {
      const leaf = await certify(await keyOfRequest(csr), names, ttlMs)
      return [leaf, ...authority.intermediates]
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

function algorithmOf(key: KeyObject): SigningAlgorithm {
  if (key.asymmetricKeyType === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  return key.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? { ...EC, namedCurve: 'P-384' } : EC
}

function importKey(key: KeyObject): Promise<CryptoKey> {
  const der = key.export({ type: 'pkcs8', format: 'der' })
  return webcrypto.subtle.importKey('pkcs8', der, algorithmOf(key), false, ['sign'])
}

function withNewline(pem: string): string {
  return pem.endsWith('\n') ? pem : `${pem}\n`
}
