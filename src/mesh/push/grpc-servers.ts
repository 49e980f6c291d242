import { experimental, Server, ServerCredentials } from '@grpc/grpc-js'
import { type CertificateAnswer, type CertificateOrder, serveCertificates } from '../../xds/ca/index.ts'
import type { Authenticate, XdsServer } from '../../xds/server/index.ts'
import type { KeyedCertificate, ServingCertificate } from '../identity/index.ts'

export interface GrpcServersOptions {
  readonly xds: XdsServer
  readonly address: string
  /** 15010; 0 picks a free one. */
  readonly plainPort: number
  /** 15012 */
  readonly securePort: number
  readonly certificate: ServingCertificate
  /** PEM: what client certificates may end in. */
  readonly roots: LiveRoots
  readonly authenticate: Authenticate
  readonly issueCertificate: (order: CertificateOrder) => Promise<CertificateAnswer>
}

export interface LiveRoots {
  readonly current: () => string
  readonly onChange: (callback: () => void) => () => void
}

export interface GrpcServers {
  readonly plainPort: number
  readonly securePort: number
  readonly close: () => void
}

/** A proxy on a busy host may be slow to answer a ping: two are lost before a connection is. */
const CHANNEL_OPTIONS = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 20_000,
  // What proxies send is small: subscriptions, acknowledgements, and the versions that they have.
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
  'grpc.max_concurrent_streams': 10_000,
} as const

/**
 * xDS in plain text, which shows no credential to anybody, and over TLS for who says by token or certificate who it is,
 * there together with the certificate service.
 */
export async function openGrpcServers(options: GrpcServersOptions): Promise<GrpcServers> {
  const plain = new Server(CHANNEL_OPTIONS)
  options.xds.serveOn(plain)
  const secure = new Server(CHANNEL_OPTIONS)
  options.xds.serveOn(secure, options.authenticate)
  serveCertificates(secure, options.issueCertificate)
  const provider = certificateProvider(options.certificate, options.roots)
  // A certificate is asked for and need not come; one that leads to no root of ours counts as none.
  const tls = experimental.createCertificateProviderServerCredentials(provider, provider, false)
  const [plainPort, securePort] = await Promise.all([
    bind(plain, `${options.address}:${options.plainPort}`, ServerCredentials.createInsecure()),
    bind(secure, `${options.address}:${options.securePort}`, tls),
  ])
  return {
    plainPort,
    securePort,
    close() {
      options.xds.close()
      plain.forceShutdown()
      secure.forceShutdown()
    },
  }
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error) reject(new Error(`cannot listen on ${address}: ${error.message}`, { cause: error }))
      else resolve(port)
    })
  })
}

/**
 * Hands grpc-js our certificate and the roots, and each change of them: connections that are open stay. What it is told
 * while it subscribes would be lost on the server that is being made.
 */
function certificateProvider(
  certificate: ServingCertificate,
  roots: LiveRoots,
): experimental.CertificateProvider {
  const ofRoots = new Map<experimental.CaCertificateUpdateListener, () => void>()
  const ofCertificate = new Set<experimental.IdentityCertificateUpdateListener>()
  const identity = ({ certificate: chain, key }: KeyedCertificate) => ({
    certificate: Buffer.from(chain),
    privateKey: Buffer.from(key),
  })
  certificate.onChange((next) => {
    for (const listener of ofCertificate) listener(identity(next))
  })
  return {
    addCaCertificateListener(listener) {
      const tell = (): void => listener({ caCertificate: Buffer.from(roots.current()) })
      ofRoots.set(listener, roots.onChange(tell))
      queueMicrotask(tell)
    },
    removeCaCertificateListener(listener) {
      ofRoots.get(listener)?.()
      ofRoots.delete(listener)
    },
    addIdentityCertificateListener(listener) {
      ofCertificate.add(listener)
      queueMicrotask(() => listener(identity(certificate.current())))
    },
    removeIdentityCertificateListener: (listener) => ofCertificate.delete(listener),
  }
}
