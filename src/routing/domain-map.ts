/**
 * Values by domain, looked up by host as Envoy does: the exact one, then the longest `*.suffix`, then `*`.
 */
export interface DomainMap<T> {
  /** By the domain as it is written. */
  readonly get: (domain: string) => T | undefined
  readonly set: (domain: string, value: T) => void
  readonly delete: (domain: string) => void
  readonly size: () => number
  readonly values: () => Iterable<T>
  /** The value of the most specific domain that holds the host (lower case, without port). */
  readonly find: (host: string) => T | undefined
}

const ANY = '*'

export function createDomainMap<T>(): DomainMap<T> {
  const domains = new Map<string, T>()
  let wildcards = 0

  function find(host: string): T | undefined {
    // `*` and `*.suffix` are keys too, but no host: without this check `Host: *` would be an exact match.
    const exact = host.startsWith(ANY) ? undefined : domains.get(host)
    if (exact !== undefined) return exact
    if (wildcards > 0) {
      for (let dot = host.indexOf('.', 1); dot > 0; dot = host.indexOf('.', dot + 1)) {
        const value = domains.get(ANY + host.slice(dot))
        if (value !== undefined) return value
      }
    }
    return domains.get(ANY)
  }
  return {
    get: (domain) => domains.get(domain),
    set(domain, value) {
      if (!domains.has(domain) && domain.startsWith('*.')) wildcards++
      domains.set(domain, value)
    },
    delete(domain) {
      if (domains.delete(domain) && domain.startsWith('*.')) wildcards--
    },
    size: () => domains.size,
    values: () => domains.values(),
    find,
  }
}
