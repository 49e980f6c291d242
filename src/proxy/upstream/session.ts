import type { SessionPersistence } from '../../model/index.ts'
import type { Exchange } from '../exchange/types.ts'
import { cookieOf } from './hash.ts'

/** Where the requests of one client go on going, as the client itself says. */
export interface Session {
  /** The endpoint that the request's session names. @returns undefined when it names none, or is at its end */
  readonly addressOf: (exchange: Exchange) => string | undefined
  /** Tells the client with the answer where its next request is to go. */
  readonly begin: (exchange: Exchange, address: string) => void
}

/**
 * The client carries the address, and the end of the session where there is one, in base64: nobody is to read it, but
 * whoever does learns no more than an address of the cluster, and can choose among its endpoints only.
 */
export function createSession(terms: SessionPersistence): Session {
  const value = terms.kind === 'cookie' ? cookieValue(terms.name) : headerValue(terms.name)
  const before = terms.kind === 'cookie' ? `set-cookie: ${terms.name}="` : `${terms.name}: `
  const after = terms.kind === 'cookie' ? `"${attributesOf(terms)}\r\n` : '\r\n'
  const { endsAfterMs } = terms
  return {
    addressOf(exchange) {
      const given = value(exchange)
      if (given === undefined || given.length > ENCODED_MAX) return undefined
      const [address, end] = Buffer.from(given, 'base64').toString('latin1').split(';', 2)
      // A session without an end comes from terms that had none.
      if (endsAfterMs !== undefined && !(Number(end) * 1000 > exchange.startTime)) return undefined
      return address
    },
    begin(exchange, address) {
      const end = endsAfterMs === undefined ? '' : `;${Math.ceil((exchange.startTime + endsAfterMs) / 1000)}`
      const line = before + Buffer.from(address + end, 'latin1').toString('base64') + after
      exchange.responseLines = withoutLine(exchange.responseLines, before) + line
    },
  }
}

/** An address of IPv6 with its port and the time, encoded, is less. */
const ENCODED_MAX = 128

function cookieValue(name: string): (exchange: Exchange) => string | undefined {
  return (exchange) => cookieOf(exchange.header('cookie'), name)?.replace(/^"(.*)"$/, '$1')
}

function headerValue(name: string): (exchange: Exchange) => string | undefined {
  return (exchange) => exchange.header(name)
}

function attributesOf({ path, maxAgeMs }: Extract<SessionPersistence, { kind: 'cookie' }>): string {
  const age = maxAgeMs === undefined ? '' : `; Max-Age=${Math.floor(maxAgeMs / 1000)}`
  return `${age}${path === '' ? '' : `; Path=${path}`}; HttpOnly`
}

/** Another try of the same request may end elsewhere. */
function withoutLine(lines: string, start: string): string {
  const at = lines.indexOf(start)
  return at < 0 ? lines : lines.slice(0, at) + lines.slice(lines.indexOf('\r\n', at) + 2)
}

/** The endpoints of a cluster as sessions see them: by address, those on their way out too, which get no others. */
export interface SessionHosts<Host extends { readonly address: string }> {
  readonly leaving: () => ReadonlyMap<string, Host>
  readonly replace: (hosts: ReadonlyMap<string, Host>, leaving: ReadonlyMap<string, Host>) => void
  readonly at: (address: string) => Host | undefined
  /** Whether a route has sessions, so that endpoints on their way out matter. */
  readonly areWanted: () => boolean
  /** From now on they are wanted. */
  readonly want: () => void
}

export function createSessionHosts<Host extends { readonly address: string }>(
  isUsable: (host: Host, isLeaving: boolean) => boolean,
  onWanted: () => void,
): SessionHosts<Host> {
  let hosts: ReadonlyMap<string, Host> = new Map()
  let leaving: ReadonlyMap<string, Host> = new Map()
  let byAddress: ReadonlyMap<string, Host> | undefined
  let wanted = false
  return {
    leaving: () => leaving,
    replace(nextHosts, nextLeaving) {
      hosts = nextHosts
      leaving = nextLeaving
      byAddress = undefined
    },
    at(address) {
      byAddress ??= new Map([...leaving.values(), ...hosts.values()].map((host) => [host.address, host]))
      const host = byAddress.get(address)
      if (host === undefined) return undefined
      const isLeaving = leaving.size > 0 && [...leaving.values()].includes(host)
      return isUsable(host, isLeaving) ? host : undefined
    },
    areWanted: () => wanted,
    want() {
      if (wanted) return
      wanted = true
      onWanted()
    },
  }
}

/** A first try goes where the session is; what failed there goes on elsewhere, and so does the session. */
export function pickInSession<Host extends { readonly address: string }>(
  session: Session,
  exchange: Exchange,
  hosts: SessionHosts<Host>,
  balance: (exchange: Exchange) => Host | undefined,
): Host | undefined {
  const address = session.addressOf(exchange)
  const named = address === undefined || exchange.tried !== undefined ? undefined : hosts.at(address)
  if (named !== undefined) return named
  const host = balance(exchange)
  if (host !== undefined && host.address !== address) session.begin(exchange, host.address)
  return host
}
