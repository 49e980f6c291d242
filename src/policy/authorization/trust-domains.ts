/** Names of the mesh's own trust domain. */
export interface TrustDomains {
  readonly own: string
  readonly aliases: readonly string[]
}

/** What policies write for the mesh's own, whatever it is called. */
const DEFAULT_DOMAIN = 'cluster.local'

/**
 * A principal of a policy with each of the names that the mesh's trust domain has or had.
 * @see istio.io, Trust Domain Migration; Istio, pilot/pkg/security/trustdomain
 */
export function withAliases(principal: string, domains: TrustDomains): readonly string[] {
  const parts = principal.split('/')
  const [domain = ''] = parts
  // `<domain>/ns/<namespace>/sa/<account>`: anything else does not care for the domain.
  if (parts.length !== 5 || domain === '*') return [principal]
  const all = [domains.own, ...domains.aliases]
  const isOwn = domain === DEFAULT_DOMAIN || all.some((one) => one === domain || isSuffixed(domain, one))
  if (!isOwn) return [principal]
  const rest = parts.slice(1).join('/')
  const named = all.map((one) => `${isSuffixed(domain, one) ? domain : one}/${rest}`)
  return [...new Set(named)]
}

function isSuffixed(pattern: string, domain: string): boolean {
  return pattern.startsWith('*') && domain.endsWith(pattern.slice(1))
}
