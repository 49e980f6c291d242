import { Resolver } from 'node:dns/promises'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { ResolvedName } from '../upstream/names.ts'

/** A pod's resolv.conf has a search list; names inside the mesh need only this much of it. */
const LOOKUP_TIMEOUT_MS = 2000

/**
 * Resolves names as the pod would: by its nameservers, trying the name as it is and below the cluster domain.
 * @param nameservers empty: the system's resolver
 */
export function createNameLookup(options: {
  readonly nameservers: readonly string[]
  readonly clusterDomain: string
}): (host: string) => Promise<ResolvedName> {
  const { nameservers, clusterDomain } = options
  if (nameservers.length === 0) {
    return async (host) => ({
      addresses: (await lookup(host, { all: true })).map((one) => one.address),
    })
  }
  const resolver = new Resolver({ timeout: LOOKUP_TIMEOUT_MS, tries: 2 })
  resolver.setServers([...nameservers])
  return async (host) => {
    if (isIP(host) !== 0) return { addresses: [host] }
    const names = host.endsWith('.svc')
      ? [`${host}.${clusterDomain}`, host]
      : [host, `${host}.${clusterDomain}`]
    let problem: unknown
    for (const name of names) {
      const [four, six] = await Promise.allSettled([
        resolver.resolve4(name, { ttl: true }),
        resolver.resolve6(name, { ttl: true }),
      ])
      const records = [four, six].flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
      if (records.length > 0) {
        return {
          addresses: records.map((record) => record.address),
          ttlMs: Math.min(...records.map((record) => record.ttl)) * 1000,
        }
      }
      if (four.status === 'rejected') problem = four.reason
    }
    throw new Error(`no address for ${host} at ${nameservers.join(', ')}`, { cause: problem })
  }
}
