import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { fail, messageOf, ok, type Result } from '../../base/index.ts'
import type { Secret } from '../../kube/index.ts'
import { certificatesIn, fingerprintOf } from './pem.ts'

/** What signs: checked, so that a certificate under it is believed by everyone who has its roots. */
export interface SigningAuthority {
  /** PEM of the signing certificate and its private key. */
  readonly certificate: string
  readonly key: string
  /** What lies between a leaf and the root, the signing certificate first; empty when that is the root. */
  readonly intermediates: readonly string[]
  /** The root in which they end. */
  readonly root: string
  /** All roots that are to be believed, this one among them. */
  readonly roots: readonly string[]
}

const RSA_BITS_MIN = 2048
const CURVES: readonly string[] = ['prime256v1', 'secp384r1']
/** More than any authority has; the search for a way to the root ends there. */
const CHAIN_MAX = 10

/**
 * Reads an authority from a Secret with the members of Istio's `cacerts`, or those of a TLS Secret (`tls.crt`, `tls.key`,
 * `ca.crt`). Messages say what is wrong and never quote the material.
 */
export function readAuthority(secret: Secret, now: number): Result<SigningAuthority, string> {
  const isTlsSecret = secret.data?.['tls.crt'] !== undefined && secret.data['ca-cert.pem'] === undefined
  const names = isTlsSecret ? TLS_MEMBERS : ISTIO_MEMBERS
  const text = (name: string): string => Buffer.from(secret.data?.[name] ?? '', 'base64').toString()
  const [certificate] = certificatesIn(text(names.certificate))
  if (certificate === undefined) return fail(`${names.certificate} holds no certificate in PEM`)
  if (text(names.key) === '') return fail(`it has no ${names.key}`)
  const roots = certificatesIn(text(names.roots))
  if (roots.length === 0) return fail(`${names.roots} holds no certificate in PEM`)
  const chain = [...certificatesIn(text(names.certificate)), ...certificatesIn(text(names.chain))]
  try {
    return checked({ certificate, key: text(names.key), roots, chain, names, now })
  } catch (error) {
    return fail(`a certificate cannot be read: ${messageOf(error)}`)
  }
}

/** The Secret of a self-signed root, which is its own signing certificate. */
export function readSelfSigned(secret: Secret, now: number): Result<SigningAuthority, string> {
  const root = secret.data?.['ca-cert.pem'] ?? ''
  return readAuthority(
    { ...secret, data: { ...secret.data, 'root-cert.pem': root, 'cert-chain.pem': '' } },
    now,
  )
}

interface Members {
  readonly certificate: string
  readonly key: string
  readonly roots: string
  readonly chain: string
}

const ISTIO_MEMBERS: Members = {
  certificate: 'ca-cert.pem',
  key: 'ca-key.pem',
  roots: 'root-cert.pem',
  chain: 'cert-chain.pem',
}
const TLS_MEMBERS: Members = { certificate: 'tls.crt', key: 'tls.key', roots: 'ca.crt', chain: 'tls.crt' }

interface Candidate {
  readonly certificate: string
  readonly key: string
  readonly roots: readonly string[]
  readonly chain: readonly string[]
  readonly names: Members
  readonly now: number
}

function checked(candidate: Candidate): Result<SigningAuthority, string> {
  const { certificate, key, names, now } = candidate
  const signer = new X509Certificate(certificate)
  const keyProblem = problemWithKey(key, signer)
  if (keyProblem !== undefined) return fail(`${names.key} ${keyProblem}`)
  for (const root of candidate.roots) {
    if (!new X509Certificate(root).ca) return fail(`${names.roots} holds a certificate that is no CA`)
  }
  const path = pathToRoot(certificate, candidate)
  if (!path) return fail(`${names.certificate} does not lead to a certificate in ${names.roots}`)
  const expired = [certificate, ...path.intermediates, path.root]
    .map((pem) => ({ pem, problem: problemWithValidity(pem, now) }))
    .find(({ problem }) => problem !== undefined)
  if (expired) {
    const subject = new X509Certificate(expired.pem).subject.replaceAll('\n', ', ')
    return fail(`the certificate of “${subject}” ${expired.problem}`)
  }
  const roots = [...new Map(candidate.roots.map((pem) => [fingerprintOf(pem), pem])).values()]
  return ok({ certificate, key, roots, ...path })
}

function problemWithKey(pem: string, signer: X509Certificate): string | undefined {
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch {
    return 'holds no private key in PEM without a passphrase'
  }
  if (!signer.checkPrivateKey(key)) return 'does not belong to the certificate'
  if (!signer.ca) return 'belongs to a certificate that is no CA'
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa') {
    return modulusLength >= RSA_BITS_MIN ? undefined : `has ${modulusLength} bits, fewer than ${RSA_BITS_MIN}`
  }
  if (key.asymmetricKeyType === 'ec' && CURVES.includes(namedCurve)) return undefined
  return `is ${key.asymmetricKeyType} ${namedCurve}; RSA, P-256 and P-384 are served`
}

function pathToRoot(
  certificate: string,
  { roots, chain }: Candidate,
): Pick<SigningAuthority, 'intermediates' | 'root'> | undefined {
  const trusted = roots.map((pem) => ({ pem, parsed: new X509Certificate(pem) }))
  const others = chain.map((pem) => ({ pem, parsed: new X509Certificate(pem) }))
  const intermediates: string[] = []
  let current = { pem: certificate, parsed: new X509Certificate(certificate) }
  while (intermediates.length < CHAIN_MAX) {
    const { parsed } = current
    const itself = trusted.find((root) => root.parsed.fingerprint256 === parsed.fingerprint256)
    if (itself) return { intermediates, root: itself.pem }
    intermediates.push(current.pem)
    const isIssuer = (one: { readonly parsed: X509Certificate }): boolean =>
      parsed.checkIssued(one.parsed) && parsed.verify(one.parsed.publicKey)
    const root = trusted.find(isIssuer)
    if (root) return { intermediates, root: root.pem }
    const next = others.find((one) => one.parsed.ca && !intermediates.includes(one.pem) && isIssuer(one))
    if (!next) return undefined
    current = next
  }
  return undefined
}

function problemWithValidity(pem: string, now: number): string | undefined {
  const { validFrom, validTo } = new X509Certificate(pem)
  if (now < Date.parse(validFrom)) return `is not valid before ${validFrom}`
  return now < Date.parse(validTo) ? undefined : `has expired: it was valid to ${validTo}`
}
