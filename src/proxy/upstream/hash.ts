import type { Balancer, HashBalancer, HashKey } from '../../model/index.ts'
import { queryOf, queryParameter } from '../../routing/index.ts'
import type { Exchange } from '../exchange/types.ts'
import { hashText } from './hash-text.ts'
import type { Placed } from './balanced.ts'

/** @returns the host that a hash leads to */
export type HashPick<Host> = (hash: number) => Host

export function createHashPick<Host extends Placed>(
  policy: HashBalancer,
  hosts: readonly Host[],
): HashPick<Host> {
  return policy.algorithm === 'ring' ? createRing(policy.size, hosts) : createMaglev(policy.size, hosts)
}

/** More places than this for all hosts would be memory without use. */
const RING_PLACES_MAX = 1024 * 1024

/** Each host has places on a circle, as many as its weight says; a request goes to the next place after its hash. */
function createRing<Host extends Placed>(size: number, hosts: readonly Host[]): HashPick<Host> {
  const total = hosts.reduce((sum, host) => sum + host.weight, 0)
  const least = Math.min(...hosts.map((host) => host.weight))
  // The lightest host has a place; all together have at least the size that was asked for. The number is rounded up to
  // a power of two, so that the places of the others seldom change when a host comes or goes.
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(size / total, 1 / least)))
  const perWeight = Math.min(wanted, RING_PLACES_MAX / total)
  const places: { readonly at: number; readonly host: Host }[] = []
  for (const host of hosts) {
    const count = Math.max(1, Math.ceil(host.weight * perWeight))
    for (let i = 0; i < count; i++) places.push({ at: hashText(`${host.address}_${i}`), host })
  }
  places.sort((a, b) => a.at - b.at)
  const positions = Uint32Array.from(places, (place) => place.at)
  const owners = places.map((place) => place.host)
  return (hash) => {
    let low = 0
    let high = positions.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((positions[middle] as number) < hash) low = middle + 1
      else high = middle
    }
    return owners[low === positions.length ? 0 : low] as Host
  }
}

/**
 * A table in which each host fills places in an order of its own, by turns that its weight gives it: even shares, and
 * few places that change hands when a host goes. @see Maglev (NSDI 2016), 3.4
 */
function createMaglev<Host extends Placed>(size: number, hosts: readonly Host[]): HashPick<Host> {
  const heaviest = Math.max(...hosts.map((host) => host.weight))
  const table = new Int32Array(size).fill(-1)
  const turns = hosts.map((host) => ({
    offset: hashText(host.address) % size,
    skip: size === 1 ? 1 : (hashText(`${host.address} skip`) % (size - 1)) + 1,
    next: 0,
    credit: 0,
    gain: host.weight / heaviest,
  }))
  let filled = 0
  // A skip that shares a divisor with the size does not reach every place: such sizes are searched place by place.
  while (filled < size) {
    for (let index = 0; index < turns.length && filled < size; index++) {
      const turn = turns[index] as (typeof turns)[number]
      turn.credit += turn.gain
      if (turn.credit < 1) continue
      turn.credit -= 1
      let place = (turn.offset + turn.skip * turn.next++) % size
      for (let tried = 0; table[place] !== -1; tried++) {
        place = tried < size ? (turn.offset + turn.skip * turn.next++) % size : (place + 1) % size
      }
      table[place] = index
      filled++
    }
  }
  return (hash) => hosts[table[hash % size] as number] as Host
}

/** What of a request is hashed. @returns undefined when the request has no such thing: any host will do */
export function createHashKey(key: HashKey): (exchange: Exchange) => string | undefined {
  switch (key.kind) {
    case 'header':
      return (exchange) => exchange.header(key.name)
    case 'query':
      return (exchange) => queryParameter(queryOf(exchange.originalPath ?? exchange.path), key.name)
    case 'source-ip':
      return (exchange) => exchange.trustedAddress ?? exchange.stream.remoteAddress
    case 'cookie':
      return (exchange) => cookieOf(exchange.header('cookie'), key.name) ?? giveCookie(exchange, key)
  }
}

/** Of connections that are no HTTP only the client's address can be hashed. */
export function hashesSource(policy: Balancer | undefined): boolean {
  return policy?.kind === 'hash' && policy.key.kind === 'source-ip'
}

export function cookieOf(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined
  for (const part of header.split(/[;,]/)) {
    const equals = part.indexOf('=')
    if (equals > 0 && part.slice(0, equals).trim() === name) return part.slice(equals + 1).trim()
  }
  return undefined
}

/** A client that has none gets one, so that its next request finds the same host. */
function giveCookie(exchange: Exchange, key: Extract<HashKey, { kind: 'cookie' }>): string | undefined {
  if (key.ttlMs === undefined) return undefined
  const value = hashText(`${exchange.requestId} ${exchange.stream.remotePort}`).toString(16).padStart(8, '0')
  const attributes = [
    ...(key.ttlMs === 0 ? [] : [`Max-Age=${Math.floor(key.ttlMs / 1000)}`]),
    ...(key.path === undefined || key.path === '' ? [] : [`Path=${key.path}`]),
    ...key.attributes.map((one) => (one.value === '' ? one.name : `${one.name}=${one.value}`)),
    'HttpOnly',
  ]
  const line = `set-cookie: ${key.name}="${value}"; ${attributes.join('; ')}\r\n`
  // Another try of the same request asks again.
  if (!exchange.responseLines.includes(`set-cookie: ${key.name}=`)) exchange.responseLines += line
  return `"${value}"`
}
