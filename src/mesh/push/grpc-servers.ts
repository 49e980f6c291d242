import { Server, ServerCredentials } from '@grpc/grpc-js'
import { type CertificateAnswer, type CertificateOrder, serveCertificates } from '../../xds/ca/index.ts'
import type { Authenticate, XdsServer } from '../../xds/server/index.ts'
import type { KeyedCertificate } from '../identity/index.ts'

export interface GrpcServersOptions {
  readonly xds: XdsServer
  readonly address: string
  /** 15010; 0 picks a free one. */
  readonly plainPort: number
  /** 15012 */
  readonly securePort: number
  readonly certificate: KeyedCertificate
  readonly authenticate: Authenticate
  readonly issueCertificate: (order: CertificateOrder) => Promise<CertificateAnswer>
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
 * xDS in plain text for what is inside the cluster's trust, and over TLS with a token for everyone else, there together
 * with the certificate service.
 */
export async function openGrpcServers(options: GrpcServersOptions): Promise<GrpcServers> {
  const plain = new Server(CHANNEL_OPTIONS)
  options.xds.serveOn(plain)
  const secure = new Server(CHANNEL_OPTIONS)
  options.xds.serveOn(secure, options.authenticate)
  serveCertificates(secure, options.issueCertificate)
  const { certificate, key } = options.certificate
  const pair = { cert_chain: Buffer.from(certificate), private_key: Buffer.from(key) }
  const tls = ServerCredentials.createSsl(null, [pair], false)
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
