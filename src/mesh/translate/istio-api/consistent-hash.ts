import type { HashBalancer, HashKey } from '../../../model/index.ts'
import type { IstioConsistentHash } from '../../resources/index.ts'
import { durationOf } from './duration.ts'

/** Istio's default. */
const RING_SIZE = 1024
/** Envoy's default; a prime, as Maglev wants it. */
const MAGLEV_SIZE = 65_537

/** @see Istio, ConsistentHashLB @returns undefined when nothing says what to hash */
export function translateConsistentHash(
  hash: IstioConsistentHash,
  path: string,
  problems: string[],
): HashBalancer | undefined {
  const key = keyOf(hash, path, problems)
  if (key === undefined) {
    problems.push(`${path} names neither header, cookie, source address nor query parameter; it is not used`)
    return undefined
  }
  if (hash.maglev !== undefined) {
    return { kind: 'hash', algorithm: 'maglev', size: filled(hash.maglev.tableSize) ?? MAGLEV_SIZE, key }
  }
  const size = filled(hash.ringHash?.minimumRingSize) ?? filled(hash.minimumRingSize) ?? RING_SIZE
  return { kind: 'hash', algorithm: 'ring', size, key }
}

function filled(size: number | undefined): number | undefined {
  return size === undefined || size === 0 ? undefined : size
}

function keyOf(hash: IstioConsistentHash, path: string, problems: string[]): HashKey | undefined {
  const { httpHeaderName, httpQueryParameterName, useSourceIp, httpCookie } = hash
  if (httpHeaderName !== undefined) return { kind: 'header', name: httpHeaderName.toLowerCase() }
  if (httpQueryParameterName !== undefined) return { kind: 'query', name: httpQueryParameterName }
  if (useSourceIp === true) return { kind: 'source-ip' }
  if (httpCookie === undefined) return undefined
  const ttlMs = durationOf(httpCookie.ttl, `${path}.httpCookie.ttl`, problems)
  return {
    kind: 'cookie',
    name: httpCookie.name,
    ...(httpCookie.path === undefined ? {} : { path: httpCookie.path }),
    ...(ttlMs === undefined ? {} : { ttlMs }),
    attributes: (httpCookie.attributes ?? []).map(({ name, value = '' }) => ({ name, value })),
  }
}
