import { Agent, request as httpRequest } from 'node:http'
import { Agent as SecureAgent, request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import type { PeerCertificate } from 'node:tls'
import { type ChannelCredentials, Client, credentials, Metadata } from '@grpc/grpc-js'
import type { OpenTelemetryProvider } from '../../model/index.ts'
import { decodeExportAnswer } from '../../telemetry/index.ts'
import { checkIdentity, createUpstreamContext, type UpstreamTerms } from '../tls/client.ts'
import type { SpanTransport } from './exporter.ts'

/** Where the collector is just now. @returns undefined when it is nowhere */
export type FindCollector = () => Promise<CollectorAddress | undefined>

export interface CollectorAddress {
  readonly ip: string
  readonly port: number
  /** As its DestinationRule wants it, for any client of the mesh. The same object while nothing has changed. */
  readonly tls?: UpstreamTerms | undefined
}

export function createTransport(provider: OpenTelemetryProvider, find: FindCollector): SpanTransport {
  const place = `${provider.host}:${provider.port}`
  const locate = async () => {
    const address = await find()
    if (address === undefined) throw new Error(`${place} has no endpoint`)
    return address
  }
  return provider.http === undefined
    ? createGrpcTransport(provider, place, locate)
    : createHttpTransport(provider, provider.http, { place, locate })
}

const EXPORT_METHOD = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'

function createGrpcTransport(
  provider: OpenTelemetryProvider,
  place: string,
  locate: () => Promise<CollectorAddress>,
): SpanTransport {
  const metadata = new Metadata()
  for (const { name, value } of provider.headers) metadata.set(name, value)
  let client: Client | undefined
  let target = ''
  let terms: UpstreamTerms | undefined

  /** A collector that has moved is followed at the next export, and so are other terms. */
  function clientFor({ ip, port, tls }: CollectorAddress): Client {
    const wanted = ip.includes(':') ? `ipv6:[${ip}]:${port}` : `ipv4:${ip}:${port}`
    if (client !== undefined && target === wanted && terms === tls) return client
    client?.close()
    client = undefined
    target = wanted
    terms = tls
    return (client = new Client(wanted, credentialsFor(tls), {
      'grpc.default_authority': place,
      ...(tls !== undefined && isIP(tls.serverName) === 0 && { [SERVER_NAME_OPTION]: tls.serverName }),
      'grpc.enable_retries': 0,
      'grpc.service_config_disable_resolution': 1,
    }))
  }

  return {
    async send(request) {
      const to = clientFor(await locate())
      return new Promise((resolve, reject) => {
        to.makeUnaryRequest(
          EXPORT_METHOD,
          (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
          (bytes) => decodeExportAnswer(bytes),
          request,
          metadata,
          { deadline: Date.now() + provider.timeoutMs },
          (error, answer) => {
            if (error) reject(error)
            else resolve(answer ?? { rejected: 0, message: '' })
          },
        )
      })
    },
    close: () => client?.close(),
  }
}

const SERVER_NAME_OPTION = 'grpc.ssl_target_name_override'

function credentialsFor(tls: UpstreamTerms | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure()
  return credentials.createFromSecureContext(createUpstreamContext(tls), verification(tls))
}

function verification(tls: UpstreamTerms) {
  return {
    rejectUnauthorized: tls.trust !== 'anyone',
    checkServerIdentity: (_host: string, peer: PeerCertificate) => checkIdentity(tls, peer),
  }
}

const ANSWER_BYTES_MAX = 64 * 1024

function createHttpTransport(
  provider: OpenTelemetryProvider,
  http: NonNullable<OpenTelemetryProvider['http']>,
  where: { readonly place: string; readonly locate: () => Promise<CollectorAddress> },
): SpanTransport {
  const settings = { keepAlive: true, maxSockets: 1 }
  let agent: Agent | undefined
  let terms: UpstreamTerms | undefined
  const headers = {
    host: where.place,
    'content-type': 'application/x-protobuf',
    ...Object.fromEntries(provider.headers.map(({ name, value }) => [name, value])),
  }

  function agentFor(tls: UpstreamTerms | undefined): Agent {
    if (agent !== undefined && terms === tls) return agent
    agent?.destroy()
    agent = undefined
    terms = tls
    if (tls === undefined) return (agent = http.isSecure ? new SecureAgent(settings) : new Agent(settings))
    const secured = { secureContext: createUpstreamContext(tls), ...verification(tls) }
    return (agent = new SecureAgent({ ...settings, ...secured }))
  }

  return {
    async send(body) {
      const { ip, port, tls } = await where.locate()
      const isSecure = http.isSecure || tls !== undefined
      const serverName = tls?.serverName ?? provider.host
      const used = agentFor(tls)
      return new Promise((resolve, reject) => {
        const open = isSecure ? httpsRequest : httpRequest
        const call = open({
          agent: used,
          host: ip,
          port,
          path: http.path,
          method: 'POST',
          headers: { ...headers, 'content-length': body.byteLength },
          ...(isSecure && { servername: isIP(serverName) === 0 ? serverName : '' }),
          signal: AbortSignal.timeout(provider.timeoutMs),
        })
        call.on('error', reject)
        call.on('response', (response) => {
          const chunks: Buffer[] = []
          let size = 0
          response.on('data', (chunk: Buffer) => {
            size += chunk.length
            if (size <= ANSWER_BYTES_MAX) chunks.push(chunk)
          })
          response.on('error', reject)
          response.on('end', () => {
            const status = response.statusCode ?? 0
            if (status < 200 || status > 299) reject(new Error(`the collector answers ${status}`))
            else resolve(answerOf(Buffer.concat(chunks), response.headers['content-type']))
          })
        })
        call.end(body)
      })
    },
    close: () => agent?.destroy(),
  }
}

function answerOf(bytes: Buffer, type: string | undefined) {
  return type?.startsWith('application/x-protobuf') === true
    ? decodeExportAnswer(bytes)
    : { rejected: 0, message: '' }
}
