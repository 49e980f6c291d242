import { deepEqual, type Logger, messageOf } from '../../base/index.ts'
import {
  type Credential,
  type CredentialName,
  type CredentialReference,
  parseFileCredential,
  type SubjectAltName,
  type TlsDefaults,
  type UpstreamTls,
} from '../../model/index.ts'
import { createTlsConnector, type TlsConnector, type UpstreamTerms } from '../tls/client.ts'
import { credentialKey } from '../tls/listener-material.ts'

/** How connections of a cluster are secured. */
export type UpstreamSecurity =
  | { readonly kind: 'plain' }
  /** TLS of the mesh to those endpoints that are known to speak it (Istio's auto mTLS). */
  | { readonly kind: 'auto' }
  /** TLS of the mesh to all of them. */
  | { readonly kind: 'mesh'; readonly terms: MeshWish }
  | { readonly kind: 'secured'; readonly terms: UpstreamTerms; readonly connector: TlsConnector }
  /** It was to be secured and cannot be: no connection is made at all. */
  | { readonly kind: 'refused'; readonly reason: string }

export const PLAIN: UpstreamSecurity = { kind: 'plain' }
const AUTO: UpstreamSecurity = { kind: 'auto' }

/** What a policy says of TLS of the mesh. */
export interface MeshWish {
  readonly serverName?: string
  readonly subjectAltNames: readonly SubjectAltName[]
}

export interface SecuritySources {
  readonly name: string
  readonly hostname: string
  readonly clientNamespace: string
  readonly credential: (name: CredentialName) => Credential | undefined
  readonly tlsDefaults: () => TlsDefaults | undefined
  /** Whether this proxy has, or will have, a certificate of the mesh. */
  readonly isInMesh: boolean
  readonly logger: Logger
}

/** @returns the same object while nothing has changed */
export function secureWith(
  before: UpstreamSecurity,
  tls: UpstreamTls | undefined,
  sources: SecuritySources,
): UpstreamSecurity {
  if (tls === undefined) return sources.isInMesh ? AUTO : PLAIN
  if (tls.kind === 'disabled') return PLAIN
  if (tls.kind === 'mesh') return meshWith(before, tls, sources)
  const next = tls.kind === 'refused' ? tls.reason : termsOf(tls, sources)
  if (typeof next === 'string') return refuse(before, next, sources)
  if (before.kind === 'secured' && deepEqual(before.terms, next)) return before
  try {
    return { kind: 'secured', terms: next, connector: createTlsConnector(next) }
  } catch (error) {
    return refuse(before, `its certificates cannot be used: ${messageOf(error)}`, sources)
  }
}

function meshWith(
  before: UpstreamSecurity,
  terms: Extract<UpstreamTls, { kind: 'mesh' }>,
  sources: SecuritySources,
): UpstreamSecurity {
  if (!sources.isInMesh) return refuse(before, 'this proxy has no identity in a mesh', sources)
  return before.kind === 'mesh' && deepEqual(before.terms, terms) ? before : { kind: 'mesh', terms }
}

function refuse(
  before: UpstreamSecurity,
  reason: string,
  { name, logger }: SecuritySources,
): UpstreamSecurity {
  if (before.kind === 'refused' && before.reason === reason) return before
  logger.warn(`no connection is made to ${name}: ${reason}`)
  return { kind: 'refused', reason }
}

function termsOf(
  tls: Extract<UpstreamTls, { kind: 'originate' }>,
  sources: SecuritySources,
): UpstreamTerms | string {
  const { credential, clientNamespace } = sources
  const find = (reference: Parameters<typeof credentialKey>[0]) =>
    credential(credentialKey(reference, clientNamespace))
  const certificate = tls.certificate && find(tls.certificate)?.certificate
  if (tls.certificate !== undefined && certificate === undefined) {
    return isFile(tls.certificate)
      ? `${pathsOf(tls.certificate)} cannot be read, or do not belong together`
      : `the certificate of ${credentialKey(tls.certificate, clientNamespace)} is not here, or not for this proxy`
  }
  const files = tls.trust.kind === 'credential' ? tls.trust.references.filter(isFile) : []
  const missing = files.find((reference) => find(reference) === undefined)
  if (missing !== undefined) return `${pathsOf(missing)} cannot be read`
  const trust = trustOf(tls.trust, (reference) => find(reference)?.trust)
  if (trust.length === 0) return 'there are no certificates of authorities to check its endpoints with'
  return {
    serverName: tls.serverName ?? sources.hostname,
    subjectAltNames: tls.subjectAltNames,
    trust,
    certificate,
    defaults: sources.tlsDefaults(),
    revocations: revocationsOf(tls.trust, (reference) => find(reference)?.revocations),
  }
}

/** The machine's own authorities do not stand in for those of a file that is not there. */
function isFile({ source }: CredentialReference): boolean {
  return source === 'File'
}

function pathsOf({ name }: CredentialReference): string {
  return Object.values(parseFileCredential(name)).join(' and ')
}

function revocationsOf(
  trust: Extract<UpstreamTls, { kind: 'originate' }>['trust'],
  find: (reference: Parameters<typeof credentialKey>[0]) => string | undefined,
): readonly string[] {
  return trust.kind === 'credential' ? trust.references.flatMap((reference) => find(reference) ?? []) : []
}

function trustOf(
  trust: Extract<UpstreamTls, { kind: 'originate' }>['trust'],
  find: (reference: Parameters<typeof credentialKey>[0]) => string | undefined,
): UpstreamTerms['trust'] {
  switch (trust.kind) {
    case 'system':
      return 'system'
    case 'anyone':
      return 'anyone'
    case 'certificates':
      return [trust.pem]
    case 'credential': {
      const bundles = trust.references.flatMap((reference) => find(reference) ?? [])
      // Istio: a Secret without authorities leaves the check to the machine's own.
      return bundles.length === 0 ? 'system' : bundles
    }
  }
}
