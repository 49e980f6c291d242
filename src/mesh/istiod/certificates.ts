import type { Clock, Collection, Graph, Logger, Random, Source } from '../../base/index.ts'
import type { KubeClient } from '../../kube/client/index.ts'
import type { Mesh } from '../../model/index.ts'
import type { CertificateAnswer, CertificateOrder } from '../../xds/ca/index.ts'
import type { Authenticate } from '../../xds/server/index.ts'
import {
  type CertificateAuthority,
  type CertificateEvent,
  type CertificateLifetimes,
  createAuthenticator,
  createCertificateService,
  createServingCertificate,
  type ServingCertificate,
  servingNames,
} from '../identity/index.ts'
import type { Metrics } from '../push/index.ts'
import type { MeshSettings } from '../translate/index.ts'

export interface Certificates {
  readonly serving: ServingCertificate
  readonly authenticate: Authenticate
  readonly issue: (order: CertificateOrder) => Promise<CertificateAnswer>
}

/** All that the control plane certifies, itself first. */
export async function createCertificates(options: {
  readonly client: KubeClient
  readonly authority: CertificateAuthority
  readonly lifetimes: CertificateLifetimes
  readonly mesh: Collection<Mesh>
  readonly metrics: Metrics
  readonly settings: MeshSettings
  readonly revision: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}): Promise<Certificates> {
  const { authority, settings, lifetimes, mesh } = options
  const logger = options.logger.scope('ca')
  const namespace = settings.rootNamespace
  const names = servingNames({ ...settings, namespace, revision: options.revision })
  const serving = await createServingCertificate({ ...options, names, logger })
  const trustDomain = (): string => mesh.get('mesh')?.trustDomain ?? settings.trustDomain
  const authenticate = createAuthenticator({ ...options, trustDomain })
  const observe = observeCertificates(options.metrics, authority, options.clock)
  return {
    serving,
    authenticate,
    issue: createCertificateService({ authority, authenticate, trustDomain, lifetimes, observe, logger }),
  }
}

/** The mesh as it is served: with the roots that are believed, from the first object on. */
export function withTrustBundle(
  graph: Graph,
  mesh: Collection<Mesh>,
  authority: CertificateAuthority,
): Collection<Mesh> {
  const roots: Source<string> = graph.source('trust bundle')
  const tell = (): void => roots.set('bundle', authority.trustBundle().join(''))
  tell()
  authority.onChange(tell)
  return graph.derive({
    name: 'mesh with trust bundle',
    input: mesh,
    transform: (object, read) => {
      const trustBundle = read.get(roots, 'bundle')
      return [trustBundle === undefined ? object : { ...object, trustBundle }]
    },
  })
}

/** Istio's metrics of its certificate authority. */
function observeCertificates(
  metrics: Metrics,
  authority: CertificateAuthority,
  clock: Clock,
): (event: CertificateEvent) => void {
  const counter = (name: string, help: string) => metrics.counter(`citadel_server_${name}`, help)
  const asked = counter('csr_count', 'The number of CSRs received by Citadel server.')
  const refused = counter('authentication_failure_count', 'The number of authentication failures.')
  const unreadable = counter('csr_parsing_err_count', 'The number of CSRs that could not be read.')
  const unsigned = counter('csr_sign_err_count', 'The number of errors occurred when signing the CSR.')
  const issued = counter('success_cert_issuance_count', 'The number of certificates issued.')
  const expiry = (name: string, what: string, date: () => Date): void => {
    const seconds = (): number => Math.floor(date().getTime() / 1000)
    metrics.gauge(
      `citadel_server_${name}_expiry_timestamp`,
      `Unix timestamp, in seconds, when ${what} expires.`,
      () => [[{}, seconds()]],
    )
    metrics.gauge(
      `citadel_server_${name}_expiry_seconds`,
      `The time remaining, in seconds, before ${what} expires.`,
      () => [[{}, seconds() - Math.floor(clock.now() / 1000)]],
    )
  }
  expiry('root_cert', 'the root certificate', () => authority.issuer().rootNotAfter)
  expiry('cert_chain', 'the chain of the signing certificate', () => authority.issuer().notAfter)
  return (event) => {
    switch (event.kind) {
      case 'asked':
        return asked.add()
      case 'not-authenticated':
        return refused.add()
      case 'issued':
        return issued.add()
      case 'not-signed':
        if (event.error === 'CSR_ERROR') unreadable.add()
        return unsigned.add({ error: event.error })
    }
  }
}
