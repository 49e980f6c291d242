import { ChannelCredentials, Client, credentials } from '@grpc/grpc-js'

/** What a connection needs; two users with equal endpoints share one TCP connection. */
export interface XdsEndpoint {
  readonly address: string
  readonly port: number
  /** The name that the server's certificate must carry. */
  readonly serverName: string
  /** PEM; absent: plain text. */
  readonly rootCertificate?: string
}

/**
 * Hands out gRPC clients. All instances that a process hosts go through one of these, so that a mesh of forty pods
 * keeps one connection to the control plane: grpc-js shares it among clients whose credentials are the same object.
 */
export interface XdsChannels {
  /** The caller closes the client when its call has ended. */
  readonly connect: (endpoint: XdsEndpoint) => Client
  /**
   * The next `connect` begins a new TCP connection: that of this client does not come about, and grpc-js would have
   * every client of the endpoint wait for it until the kernel gives up, which takes minutes.
   */
  readonly abandon: (client: Client) => void
}

/** Trust bundles that are remembered at once: the present one, and one on either side of a rotation. */
const CREDENTIALS_MAX = 4

export function createXdsChannels(): XdsChannels {
  const byRoot = new Map<string, ChannelCredentials>()
  const credentialsOf = (root: string): ChannelCredentials => {
    const known = byRoot.get(root)
    if (known) return known
    const oldest = byRoot.keys().next().value
    if (oldest !== undefined && byRoot.size >= CREDENTIALS_MAX) byRoot.delete(oldest)
    const made = credentials.createSsl(Buffer.from(root))
    byRoot.set(root, made)
    return made
  }
  // Channels with different options do not share a connection.
  const madeWith = new WeakMap<Client, number>()
  let generation = 0
  return {
    connect(endpoint) {
      const { address, port, serverName, rootCertificate } = endpoint
      const secured = rootCertificate !== undefined
      const target = address.includes(':') ? `ipv6:[${address}]:${port}` : `ipv4:${address}:${port}`
      const client = new Client(
        target,
        secured ? credentialsOf(rootCertificate) : credentials.createInsecure(),
        {
          ...(secured ? { 'grpc.ssl_target_name_override': serverName } : {}),
          'grpc.default_authority': serverName,
          'grpc.keepalive_time_ms': 30_000,
          'grpc.keepalive_timeout_ms': 10_000,
          'grpc.max_receive_message_length': 64 * 1024 * 1024,
          // Reconnecting is the client's own work, with a wait that it chooses.
          'grpc.enable_retries': 0,
          'grpc.initial_reconnect_backoff_ms': 100,
          'grpc.max_reconnect_backoff_ms': 1000,
          'grpc.service_config_disable_resolution': 1,
          'lateen.generation': generation,
        },
      )
      madeWith.set(client, generation)
      return client
    },
    abandon(client) {
      // Of many that waited for it, the first has done it for all.
      if (madeWith.get(client) === generation) generation++
    },
  }
}
