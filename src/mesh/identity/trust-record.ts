import { X509Certificate } from 'node:crypto'
import type { Secret } from '../../kube/index.ts'
import { TRUST_RECORD_SECRET } from './names.ts'
import { certificatesIn, fingerprintOf, isRenewalOf } from './pem.ts'

/**
 * Whom the mesh believes, and since when. All replicas keep one record (a Secret), so that a root which has been replaced
 * is believed by all of them until the last certificate under it has run out, also after each of them was restarted.
 */
export interface TrustRecord {
  /** PEM, one certificate each: the roots of the authority. */
  readonly roots: readonly string[]
  /** When a root was last added, in milliseconds since the epoch; 0: they were the first. */
  readonly since: number
  readonly retired: readonly RetiredRoot[]
}

export interface RetiredRoot {
  readonly certificate: string
  /** Believed until then, in milliseconds since the epoch. */
  readonly until: number
}

/**
 * What the record is to say once the authority has these roots. The same whoever works it out, and again: the same.
 * Roots that are only taken away (the end of a rotation that an operator makes by hand) go at once; roots that new ones
 * take the place of are kept for `keepMs`. A root renewed with its own key takes nobody's place.
 */
export function nextTrust(
  record: TrustRecord | undefined,
  roots: readonly string[],
  options: { readonly now: number; readonly keepMs: number },
): TrustRecord {
  if (!record) return { roots, since: 0, retired: [] }
  const { now, keepMs } = options
  const known = new Set(record.roots.map(fingerprintOf))
  const wanted = new Set(roots.map(fingerprintOf))
  const isNew = roots.some((root) => !known.has(fingerprintOf(root)))
  const dropped = record.roots.filter(
    (root) => !wanted.has(fingerprintOf(root)) && !roots.some((other) => isRenewalOf(other, root)),
  )
  const retired = [
    ...record.retired,
    ...(isNew ? dropped.map((certificate) => ({ certificate, until: now + keepMs })) : []),
  ].filter(({ certificate, until }) => until > now && !wanted.has(fingerprintOf(certificate)))
  const since = isNew && dropped.length + known.size > 0 ? now : record.since
  const next = { roots, since, retired }
  return isSameTrust(record, next) ? record : next
}

/** PEM of all that is believed; the order does not depend on how it came about, the roots in use last. */
export function trustBundleOf(record: TrustRecord): readonly string[] {
  const sorted = (pems: readonly string[]) =>
    pems.toSorted((a, b) => (fingerprintOf(a) < fingerprintOf(b) ? -1 : 1))
  return [...sorted(record.retired.map(({ certificate }) => certificate)), ...sorted(record.roots)]
}

/** @returns undefined when the Secret does not hold a record; certificates in it that are no CA's are left out */
export function readTrust(secret: Secret): TrustRecord | undefined {
  const text = (name: string): string => Buffer.from(secret.data?.[name] ?? '', 'base64').toString()
  const roots = certificatesIn(text(MEMBERS.roots)).filter(isAuthority)
  if (roots.length === 0) return undefined
  const untils = text(MEMBERS.until).split('\n')
  const retired = certificatesIn(text(MEMBERS.retired)).flatMap((certificate, index) => {
    const until = Date.parse(untils[index] ?? '')
    return Number.isNaN(until) || !isAuthority(certificate) ? [] : [{ certificate, until }]
  })
  const since = Date.parse(text(MEMBERS.since))
  return { roots, since: Number.isNaN(since) ? 0 : since, retired }
}

export function trustSecret(record: TrustRecord, namespace: string): Secret {
  const encode = (text: string): string => Buffer.from(text).toString('base64')
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: TRUST_RECORD_SECRET, namespace },
    type: 'Opaque',
    data: {
      [MEMBERS.roots]: encode(record.roots.join('')),
      [MEMBERS.since]: encode(record.since === 0 ? '' : new Date(record.since).toISOString()),
      [MEMBERS.retired]: encode(record.retired.map(({ certificate }) => certificate).join('')),
      [MEMBERS.until]: encode(record.retired.map(({ until }) => new Date(until).toISOString()).join('\n')),
    },
  }
}

const MEMBERS = {
  roots: 'root-cert.pem',
  since: 'since',
  retired: 'retired-root-certs.pem',
  until: 'retired-until',
} as const

function isSameTrust(a: TrustRecord, b: TrustRecord): boolean {
  const bundle = (record: TrustRecord): string => trustBundleOf(record).map(fingerprintOf).join()
  return bundle(a) === bundle(b) && a.roots.length === b.roots.length && a.since === b.since
}

function isAuthority(pem: string): boolean {
  try {
    return new X509Certificate(pem).ca
  } catch {
    return false
  }
}
