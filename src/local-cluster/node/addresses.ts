import { defined, ipv6At, parseIpv4, parseIpv4Cidr, parseIpv6Cidr } from '../../base/index.ts'

/** The addresses of the node and its cluster. */
export interface NodeNetwork {
  readonly bridge: string
  /** The bridge's address, which pods see as their node's. */
  readonly bridgeAddress: string
  readonly podCidr: string
  readonly serviceCidr: string
  readonly loadBalancerCidr: string
  readonly dnsAddress: string
  readonly clusterDomain: string
  /** Where the machine has IPv6. */
  readonly ipv6?: { readonly bridgeAddress: string; readonly podCidr: string }
}

/** IPv4 first. */
export function nodeAddresses({ bridgeAddress, ipv6 }: NodeNetwork): readonly string[] {
  return ipv6 === undefined ? [bridgeAddress] : [bridgeAddress, ipv6.bridgeAddress]
}

/** The IPv6 address of whoever has this IPv4 address: as far from the start of its network. */
export function ipv6Beside(ip: string, network: NodeNetwork): string | undefined {
  if (network.ipv6 === undefined) return undefined
  const pods = defined(parseIpv4Cidr(network.podCidr), `the pod network ${network.podCidr}`)
  const pods6 = defined(parseIpv6Cidr(network.ipv6.podCidr), `the pod network ${network.ipv6.podCidr}`)
  return ipv6At(pods6, defined(parseIpv4(ip), `the address ${ip}`) - pods.base)
}
