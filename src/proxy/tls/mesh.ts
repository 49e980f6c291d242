import { createSecureContext, type PeerCertificate, type SecureContext } from 'node:tls'
import type { Credential, SubjectAltName } from '../../model/index.ts'
import { checkNames, createConnector, type TlsConnector } from './client.ts'

/** What a proxy proves itself with in the mesh, and whom it believes there. Replaced as a whole. */
export interface MeshMaterial {
  readonly certificate: NonNullable<Credential['certificate']>
  /** PEM */
  readonly trust: string
}

/** TLS between the proxies of the mesh, on the client's side. */
export interface MeshTls {
  /**
   * For one endpoint. New connections are made with what there is then, so that nothing has to be replaced when a
   * certificate is.
   */
  readonly connector: (terms: MeshTerms) => TlsConnector
}

export interface MeshTerms {
  readonly serverName: string
  /** One of them must be the endpoint's; empty: it is enough to be of the mesh. */
  readonly subjectAltNames: readonly SubjectAltName[]
}

/** As Istio's: peers of theirs tell by these that a connection is the mesh's own, and what is in it. */
const PROTOCOLS = {
  h2: ['istio-h2', 'istio', 'h2'],
  'http/1.1': ['istio-http/1.1', 'istio', 'http/1.1'],
  bytes: ['istio'],
} as const

/**
 * What a server of the mesh agrees to: a plain name where it is offered, as Istio's do. Not `istio-peer-exchange`, after
 * which other bytes than the application's would be due.
 */
export function meshProtocol(offered: readonly string[]): string | undefined {
  return ACCEPTED.find((protocol) => offered.includes(protocol))
}

const ACCEPTED = ['h2', 'http/1.1', 'http/1.0', 'istio', 'istio-h2', 'istio-http/1.1', 'istio-http/1.0']

/** Istio's own names, of which a client outside of the mesh has none. */
export function offersMesh(offered: readonly string[]): boolean {
  return offered.some((protocol) => protocol === 'istio' || protocol.startsWith('istio-'))
}

/** Istio's name for what a cluster of it connects to. */
export function meshServerName(key: {
  readonly hostname: string
  readonly port: number
  readonly subset: string | undefined
}): string {
  return `outbound_.${key.port}_.${key.subset ?? ''}_.${key.hostname}`
}

export function createMeshTls(material: () => MeshMaterial | undefined): MeshTls {
  let used: MeshMaterial | undefined
  let context: SecureContext | undefined

  function currentContext(): SecureContext | undefined {
    const now = material()
    if (now === undefined) return undefined
    if (context === undefined || !isSame(used, now)) {
      context = createSecureContext({
        minVersion: 'TLSv1.2',
        ca: now.trust,
        cert: now.certificate.chain,
        key: now.certificate.privateKey,
      })
      used = now
    }
    return context
  }

  return {
    connector: ({ serverName, subjectAltNames }) =>
      createConnector({
        context: currentContext,
        missing: 'this proxy has no certificate of the mesh yet',
        serverName,
        isVerified: true,
        check: (peer: PeerCertificate) =>
          subjectAltNames.length === 0 ? undefined : checkNames(subjectAltNames, peer),
        protocols: (protocol) => PROTOCOLS[protocol ?? 'bytes'],
      }),
  }
}

function isSame(a: MeshMaterial | undefined, b: MeshMaterial): boolean {
  return a?.certificate === b.certificate && a.trust === b.trust
}
