import { Agent, request as httpsRequest } from 'node:https'
import type { Store } from '../../store/index.ts'
import { at, type JsonObject, listAt, stringAt } from '../json.ts'
import type { Webhook } from './webhook-config.ts'

export interface WebhookClient {
  /** @throws Error in the words of Kubernetes' caller, without the name of the webhook */
  readonly call: (webhook: Webhook, review: JsonObject) => Promise<unknown>
  readonly close: () => void
}

const ANSWER_MAX_BYTES = 8 * 1024 * 1024
const AGENTS_MAX = 100

interface Target {
  readonly host: string
  readonly port: number
  readonly path: string
  /** what the certificate must be for, and what messages show */
  readonly name: string
  readonly authority: string
}

/** Calls webhooks over kept-alive TLS connections, one pool for each certificate authority and name. */
export function createWebhookClient(store: Store): WebhookClient {
  const agents = new Map<string, Agent>()
  const agentFor = (name: string, caBundle: string): Agent => {
    const key = `${name} ${caBundle}`
    const known = agents.get(key)
    if (known) return known
    if (agents.size >= AGENTS_MAX) closeAll(agents)
    const agent = new Agent({
      keepAlive: true,
      maxSockets: 64,
      ...(caBundle === '' ? {} : { ca: Buffer.from(caBundle, 'base64') }),
    })
    agents.set(key, agent)
    return agent
  }
  return {
    call: async (webhook, review) => {
      const target = targetOf(store, webhook.clientConfig)
      const agent = agentFor(target.name, stringAt(webhook.clientConfig, 'caBundle') ?? '')
      return post(target, agent, webhook.timeoutSeconds, JSON.stringify(review))
    },
    close: () => closeAll(agents),
  }
}

function closeAll(agents: Map<string, Agent>): void {
  for (const agent of agents.values()) agent.destroy()
  agents.clear()
}

function targetOf(store: Store, clientConfig: JsonObject): Target {
  const url = stringAt(clientConfig, 'url')
  if (url !== undefined) {
    const { hostname, port, pathname, search } = new URL(url)
    const host = hostname.replace(/^\[|\]$/g, '')
    return {
      host,
      port: Number(port || 443),
      path: `${pathname}${search}`,
      name: host,
      authority: new URL(url).host,
    }
  }
  const name = stringAt(clientConfig, 'service', 'name') ?? ''
  const namespace = stringAt(clientConfig, 'service', 'namespace') ?? ''
  const portNumber = at(clientConfig, 'service', 'port')
  const port = typeof portNumber === 'number' ? portNumber : 443
  const service = store.get({ collection: 'core/services', namespace, name })?.object
  if (!service) throw new Error(`service "${name}" not found`)
  if (!listAt(service.spec, 'ports').some((each) => at(each, 'port') === port)) {
    throw new Error(`no service port ${port} found for service "${name}"`)
  }
  const host = stringAt(service.spec, 'clusterIP') ?? ''
  const path = stringAt(clientConfig, 'service', 'path') ?? '/'
  const serverName = `${name}.${namespace}.svc`
  return { host, port, path, name: serverName, authority: `${serverName}:${port}` }
}

function post(target: Target, agent: Agent, timeoutSeconds: number, body: string): Promise<unknown> {
  const shown = `Post "https://${target.authority}${target.path}?timeout=${timeoutSeconds}s"`
  const fail = (reason: string) => new Error(`failed to call webhook: ${shown}: ${reason}`)
  return new Promise((resolve, reject) => {
    const request = httpsRequest({
      agent,
      method: 'POST',
      host: target.host,
      port: target.port,
      // An address cannot be a server name.
      ...(/^[\d.]+$|:/.test(target.name) ? {} : { servername: target.name }),
      path: `${target.path}${target.path.includes('?') ? '&' : '?'}timeout=${timeoutSeconds}s`,
      headers: {
        host: target.authority,
        'content-type': 'application/json',
        accept: 'application/json',
        'content-length': Buffer.byteLength(body),
      },
    })
    const deadline = setTimeout(
      () => request.destroy(new Error('context deadline exceeded')),
      timeoutSeconds * 1000,
    )
    const settle = (run: () => void) => {
      clearTimeout(deadline)
      run()
    }
    request.on('error', (error: NodeJS.ErrnoException) => settle(() => reject(fail(goWords(error, target)))))
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > ANSWER_MAX_BYTES)
          request.destroy(new Error(`the answer is larger than ${ANSWER_MAX_BYTES} bytes`))
        else chunks.push(chunk)
      })
      response.on('error', (error) => settle(() => reject(fail(error.message))))
      response.on('end', () =>
        settle(() => {
          const text = Buffer.concat(chunks).toString('utf8')
          if (response.statusCode !== 200) {
            reject(
              new Error(
                `failed to call webhook: the server returned status ${response.statusCode}: ${text.slice(0, 300)}`,
              ),
            )
            return
          }
          try {
            resolve(JSON.parse(text))
          } catch {
            reject(new Error('failed to call webhook: the answer is not JSON'))
          }
        }),
      )
    })
    request.end(body)
  })
}

/** The messages of Go's dialer, which people search for. */
function goWords(error: NodeJS.ErrnoException, target: Target): string {
  const address = `${target.host}:${target.port}`
  switch (error.code) {
    case 'ECONNREFUSED':
      return `dial tcp ${address}: connect: connection refused`
    case 'EHOSTUNREACH':
      return `dial tcp ${address}: connect: no route to host`
    case 'ENETUNREACH':
      return `dial tcp ${address}: connect: network is unreachable`
    case 'ECONNRESET':
      return 'EOF'
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return 'tls: failed to verify certificate: x509: certificate signed by unknown authority'
    default:
      return error.message
  }
}
