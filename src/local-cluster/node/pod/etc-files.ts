import type { Pod } from '../../../kube/index.ts'

export interface EtcOptions {
  readonly pod: Pod
  /** IPv4 first. */
  readonly podIps: readonly string[]
  readonly hostname: string
  readonly clusterDomain: string
  readonly dnsAddress: string
  /** The machine's own resolv.conf, for `dnsPolicy: Default`. */
  readonly hostResolvConf: string
  /** The machine's own hosts file, for pods in its network. */
  readonly hostHosts: string
}

/** @see Kubernetes "Adding entries to Pod /etc/hosts with HostAliases" */
export function hostsFile(options: EtcOptions): string {
  const { pod, hostname, podIps, clusterDomain } = options
  const { subdomain } = pod.spec
  const domain = `${subdomain ?? ''}.${pod.metadata.namespace ?? ''}.svc.${clusterDomain}`
  const names = subdomain === undefined || subdomain === '' ? hostname : `${hostname}.${domain}\t${hostname}`
  const aliases = (pod.spec.hostAliases ?? []).map(
    (alias) => `${alias.ip}\t${(alias.hostnames ?? []).join('\t')}`,
  )
  const added = aliases.length > 0 ? ['', '# Entries added by HostAliases.', ...aliases] : []
  if (pod.spec.hostNetwork === true) {
    const header = '# Kubernetes-managed hosts file (host network).'
    return [header, options.hostHosts.trimEnd(), ...added, ''].join('\n')
  }
  return [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'ff00::0\tip6-mcastprefix',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
    ...podIps.map((ip) => `${ip}\t${names}`),
    ...added,
    '',
  ].join('\n')
}

/** The nameservers that a pod asks. */
export function nameservers(options: EtcOptions): readonly string[] {
  return [...resolvConf(options).matchAll(/^nameserver\s+(\S+)/gm)].map((match) => match[1] ?? '')
}

/** @see Kubernetes "Pod's DNS Policy" */
export function resolvConf(options: EtcOptions): string {
  const { pod, clusterDomain } = options
  const config = pod.spec.dnsConfig ?? {}
  const asked = pod.spec.dnsPolicy ?? 'ClusterFirst'
  // In the machine's network the cluster's names have to be asked for by ClusterFirstWithHostNet.
  const policy = asked === 'ClusterFirst' && pod.spec.hostNetwork === true ? 'Default' : asked
  const base =
    policy === 'Default'
      ? parse(options.hostResolvConf)
      : { servers: [] as string[], searches: [] as string[], options: [] as string[] }
  if (policy === 'ClusterFirst' || policy === 'ClusterFirstWithHostNet') {
    base.servers.push(options.dnsAddress)
    base.searches.push(
      `${pod.metadata.namespace ?? ''}.svc.${clusterDomain}`,
      `svc.${clusterDomain}`,
      clusterDomain,
    )
    base.options.push('ndots:5')
  }
  const changed = (config.options ?? []).map(({ name = '', value }) =>
    value === undefined ? name : `${name}:${value}`,
  )
  const kept = base.options.filter(
    (old) => !changed.some((option) => option.split(':')[0] === old.split(':')[0]),
  )
  const searches = [...new Set([...base.searches, ...(config.searches ?? [])])]
  return [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...[...new Set([...base.servers, ...(config.nameservers ?? [])])].map((server) => `nameserver ${server}`),
    ...(kept.length + changed.length > 0 ? [`options ${[...kept, ...changed].join(' ')}`] : []),
    '',
  ].join('\n')
}

function parse(text: string): { servers: string[]; searches: string[]; options: string[] } {
  const words = (keyword: string) =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`${keyword} `))
      .flatMap((line) => line.split(/\s+/).slice(1))
      .filter((word) => word !== '')
  return { servers: words('nameserver'), searches: words('search'), options: words('options') }
}
