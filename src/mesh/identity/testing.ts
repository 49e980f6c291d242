/** For tests: authorities with any chain, key and life, in Secrets as operators write them; requests as proxies send them. */
import { generateKeyPairSync, webcrypto } from 'node:crypto'
import type { Secret } from '../../kube/index.ts'
// The issuer brings the polyfill that @peculiar/x509 needs before itself.
import { createRoot, type Issuer, type KeyedCertificate } from './issuer.ts'
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequestGenerator,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { readAuthority, type SigningAuthority } from './signing-authority.ts'

export const DAY_MS = 24 * 3600_000
export const NOW = Date.parse('2026-05-05T00:00:00Z')

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

export function testRoot(name: string, ttlMs = 3650 * DAY_MS, now = NOW): Promise<KeyedCertificate> {
  return createRoot({ organization: name, now, ttlMs })
}

/** A CA under another one. */
export async function testIntermediate(
  name: string,
  above: KeyedCertificate,
  ttlMs = 365 * DAY_MS,
  now = NOW,
): Promise<KeyedCertificate> {
  const keys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.create({
    subject: `O=${name}`,
    issuer: new X509Certificate(above.certificate).subjectName,
    notBefore: new Date(now - 60_000),
    notAfter: new Date(now + ttlMs),
    signingAlgorithm: EC,
    signingKey: await importKey(above.key),
    publicKey: keys.publicKey,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  })
  return { certificate: `${certificate.toString('pem')}\n`, key: await keyPem(keys.privateKey) }
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(pem.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64')
  return webcrypto.subtle.importKey('pkcs8', der, EC, false, ['sign'])
}

/** Secret `cacerts`; what is left out is not in it. */
export function cacerts(
  ca: KeyedCertificate,
  roots: readonly KeyedCertificate[],
  chain: readonly KeyedCertificate[] = [],
): Secret {
  const encode = (text: string): string => Buffer.from(text).toString('base64')
  const joined = (all: readonly KeyedCertificate[]): string =>
    all.map(({ certificate }) => certificate).join('')
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'cacerts', namespace: 'istio-system' },
    data: {
      'ca-cert.pem': encode(ca.certificate),
      'ca-key.pem': encode(ca.key),
      'root-cert.pem': encode(joined(roots)),
      'cert-chain.pem': encode(joined(chain)),
    },
  }
}

/** @throws Error when it is refused */
export function testAuthority(root: KeyedCertificate, now = NOW): SigningAuthority {
  const read = readAuthority(cacerts(root, [root]), now)
  if (!read.ok) throw new Error(read.error)
  return read.value
}

/** A request for a new P-256 key, with names that nobody has asked for. */
export async function testRequest(organizations: readonly string[] = []): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(EC, false, ['sign', 'verify'])
  const name = organizations.map((organization) => `O=${organization}`).join(', ')
  const csr = await Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm: EC })
  return csr.toString('pem')
}

/** A request as a workload sends it, with the key that it keeps. */
export async function testRequestWithKey(): Promise<{ readonly csr: string; readonly key: string }> {
  const keys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify'])
  const csr = await Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: EC })
  return { csr: csr.toString('pem'), key: await keyPem(keys.privateKey) }
}

/** What a workload has after it has asked: the chain that it shows, and its key. */
export async function testIdentity(issuer: Issuer, uri: string): Promise<KeyedCertificate> {
  const { csr, key } = await testRequestWithKey()
  const chain = await issuer.sign({ csr, names: [{ kind: 'uri', uri }], ttlMs: DAY_MS })
  return { certificate: chain.join(''), key }
}

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key))
  return `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`
}

/** A request for an RSA key of so many bits. */
export async function testRsaRequest(bits: number): Promise<string> {
  const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: bits })
  const keys = {
    privateKey: await webcrypto.subtle.importKey(
      'pkcs8',
      privateKey.export({ type: 'pkcs8', format: 'der' }),
      rsa,
      false,
      ['sign'],
    ),
    publicKey: await webcrypto.subtle.importKey(
      'spki',
      publicKey.export({ type: 'spki', format: 'der' }),
      rsa,
      true,
      ['verify'],
    ),
  }
  const csr = await Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: rsa })
  return csr.toString('pem')
}
