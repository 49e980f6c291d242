import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import type { PeerCertificate } from 'node:tls'
import { checkIdentity, createUpstreamContext, type UpstreamTerms } from '../../tls/client.ts'

/** Where an address of the world or of the mesh leads just now. */
export interface KeyServer {
  readonly ip: string
  readonly port: number
  /** As the mesh wants it; absent: as the address says. */
  readonly tls?: UpstreamTerms | undefined
  /** Of a service of the mesh: asks it as any client of the mesh does. */
  readonly ask?: (request: {
    readonly authority: string
    readonly path: string
    readonly timeoutMs: number
  }) => Promise<string>
}

/** @returns undefined when it leads nowhere */
export type LocateKeyServer = (host: string, port: number) => Promise<KeyServer | undefined>

const KEYS_BYTES_MAX = 1024 * 1024

/** Gets a text from an address. @throws with the reason, when there is none */
export async function fetchText(
  uri: string,
  options: { readonly locate: LocateKeyServer; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<string> {
  const url = new URL(uri)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const isSecure = url.protocol === 'https:'
  const server = await options.locate(host, url.port === '' ? (isSecure ? 443 : 80) : Number(url.port))
  if (server === undefined) throw new Error(`${host} leads nowhere`)
  const { tls } = server
  if (!isSecure && server.ask !== undefined)
    return server.ask({ authority: url.host, path: url.pathname + url.search, timeoutMs: options.timeoutMs })
  const open = isSecure || tls !== undefined ? httpsRequest : httpRequest
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)])
  return new Promise((resolve, reject) => {
    const call = open({
      host: server.ip,
      port: server.port,
      path: url.pathname + url.search,
      headers: { host: url.host, accept: 'application/json', connection: 'close' },
      agent: false,
      signal,
      ...(tls === undefined
        ? isSecure && { servername: isIP(host) === 0 ? host : '' }
        : {
            secureContext: createUpstreamContext(tls),
            servername: isIP(tls.serverName) === 0 ? tls.serverName : '',
            rejectUnauthorized: tls.trust !== 'anyone',
            checkServerIdentity: (_host: string, peer: PeerCertificate) => checkIdentity(tls, peer),
          }),
    })
    call.on('error', reject)
    call.on('response', (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > KEYS_BYTES_MAX)
          call.destroy(new Error(`the answer is longer than ${KEYS_BYTES_MAX} bytes`))
        else chunks.push(chunk)
      })
      response.on('error', reject)
      response.on('end', () => {
        const status = response.statusCode ?? 0
        if (status === 200) resolve(Buffer.concat(chunks).toString('utf8'))
        else reject(new Error(`${host} answers ${status}`))
      })
    })
    call.end()
  })
}

/** The address that an issuer's OpenID configuration names for its keys. @throws with the reason */
export async function discoverKeys(
  issuer: string,
  options: Parameters<typeof fetchText>[1],
): Promise<string> {
  if (!/^https?:\/\//i.test(issuer)) throw new Error('the issuer is no address, and the rule names no keys')
  const text = await fetchText(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, options)
  const { jwks_uri: uri } = JSON.parse(text) as { readonly jwks_uri?: unknown }
  if (typeof uri !== 'string' || !/^https?:\/\//i.test(uri))
    throw new Error('the OpenID configuration of the issuer names no keys')
  return uri
}

/** Addresses of the machine itself, and of what answers every neighbour on a link: no issuer is there. */
export function isForbidden(ip: string): boolean {
  return /^(?:127\.|0\.|169\.254\.|(?:::ffff:)?127\.|::1?$|fe[89ab])/i.test(ip)
}
