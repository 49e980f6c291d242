import type { IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { messageOf } from '../../../base/index.ts'
import type { Store } from '../../store/index.ts'
import { goWords } from '../http/go-words.ts'
import { at, type JsonObject, listAt, stringAt } from '../json.ts'
import type { Webhook } from './webhook-config.ts'

export interface WebhookClient {
  /** @returns the answer's JSON. @throws Error in the words of Kubernetes' caller, without the name of the webhook */
  readonly call: (webhook: Webhook, review: JsonObject) => Promise<unknown>
  readonly close: () => void
}

const ANSWER_MAX_BYTES = 8 * 1024 * 1024
const AGENTS_MAX = 100

interface Target {
  /** @returns the address to connect to. @throws Error when there is none */
  readonly resolve: () => string
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
      resolve: () => host,
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
  const path = stringAt(clientConfig, 'service', 'path') ?? '/'
  const serverName = `${name}.${namespace}.svc`
  const authority = `${serverName}:${port}`
  const resolve = () => addressOf(store, { namespace, name }, port)
  return { resolve, port, path, name: serverName, authority }
}

/** @throws Error in the words of Kubernetes' resolver */
function addressOf(
  store: Store,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  port: number,
): string {
  const service = store.get({ collection: 'core/services', namespace, name })?.object
  if (!service) throw new Error(`service "${name}" not found`)
  const external = stringAt(service.spec, 'externalName')
  if (stringAt(service.spec, 'type') === 'ExternalName' && external !== undefined) return external
  if (!listAt(service.spec, 'ports').some((each) => at(each, 'port') === port)) {
    throw new Error(`no service port ${port} found for service "${name}"`)
  }
  return stringAt(service.spec, 'clusterIP') ?? ''
}

async function post(target: Target, agent: Agent, timeoutSeconds: number, body: string): Promise<unknown> {
  const shown = `Post "https://${target.authority}${target.path}?timeout=${timeoutSeconds}s"`
  const fail = (reason: string) => new Error(`${shown}: ${reason}`)
  let host: string
  try {
    host = target.resolve()
  } catch (error) {
    throw fail(messageOf(error))
  }
  return new Promise((resolve, reject) => {
    const request = httpsRequest({
      agent,
      method: 'POST',
      host,
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
    request.on('error', (error: NodeJS.ErrnoException) =>
      settle(() => reject(fail(goWords(error, `${host}:${target.port}`)))),
    )
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
          try {
            resolve(readBody(response, Buffer.concat(chunks).toString('utf8')))
          } catch (error) {
            reject(error instanceof Error ? error : new Error(messageOf(error)))
          }
        }),
      )
    })
    request.end(body)
  })
}

const BODY_SHOWN_MAX = 300

/** @throws Error in the words of Kubernetes' client */
function readBody({ statusCode = 0, headers }: IncomingMessage, text: string): unknown {
  if (statusCode < 200 || statusCode > 206) {
    const type = headers['content-type'] ?? ''
    const isText = type === '' || type.startsWith('text/')
    throw new Error(answerWords(statusCode, isText ? text.trim().slice(0, BODY_SHOWN_MAX) : 'unknown'))
  }
  if (text === '') throw new Error('0-length response with status code: 200 and content type: ')
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`couldn't get version/kind; json parse error: ${messageOf(error)}`, { cause: error })
  }
}

function answerWords(statusCode: number, text: string): string {
  const known: Readonly<Record<number, string>> = {
    400: 'the server rejected our request for an unknown reason',
    401: 'the server has asked for the client to provide credentials',
    403: text,
    404: 'the server could not find the requested resource',
    405: 'the server does not allow this method on the requested resource',
    409: 'the server reported a conflict',
    422: 'the server rejected our request due to an error in our request',
    429: 'the server has received too many requests and has asked us to try again later',
    503: 'the server is currently unable to handle the request',
    504: 'the server was unable to return a response in the time allotted, but may still be processing the request',
  }
  return (
    known[statusCode] ??
    (statusCode >= 500
      ? `an error on the server (${JSON.stringify(text)}) has prevented the request from succeeding`
      : `the server responded with the status code ${statusCode} but did not return more information`)
  )
}
