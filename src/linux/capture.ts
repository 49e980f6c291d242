import { type CaptureOptions, parseCaptureArguments } from './capture-arguments.ts'
import { PROXY_SOCKET_MARK } from './node-proxy-protocol.ts'

/**
 * Sends a pod's connections through its proxy: the rules of istio-iptables in REDIRECT mode as an nft script.
 * "The proxy" is whoever has its user or group id, or (a hosted instance) its packet mark. As with Istio:
 * - incoming connections go to 15006, but for the excluded ports and HBONE's;
 * - outgoing ones go to 15001, but for the proxy's own, loopback's and the excluded;
 * - the proxy calling the pod's own address over loopback comes in at 15006 (a service that calls itself),
 *   unless its source is 127.0.0.6: so it delivers to the application, and binds that address for it.
 * Applying it twice gives the same rules.
 * @param args of istio-iptables, with or without its name in front
 * @throws on arguments that istio-iptables would refuse too, and on TPROXY
 */
export function captureRules(args: readonly string[]): { readonly nft: string } {
  const options = parseCaptureArguments(args)
  const lines = [
    'table ip lateen_capture {}',
    'delete table ip lateen_capture',
    'table ip lateen_capture {',
    '  chain prerouting {',
    '    type nat hook prerouting priority dstnat; policy accept;',
    ...inbound(options).map((rule) => `    ${rule}`),
    '  }',
    '  chain output {',
    '    type nat hook output priority -100; policy accept;',
    ...outbound(options).map((rule) => `    ${rule}`),
    '  }',
    '}',
  ]
  return { nft: `${lines.join('\n')}\n` }
}

function inbound(options: CaptureOptions): readonly string[] {
  const redirect = `redirect to :${options.inboundPort}`
  const passing = [options.tunnelPort, ...(options.inboundPorts === 'all' ? options.inboundExcluded : [])]
  const pass = `tcp dport ${set(passing)} return`
  if (options.inboundPorts === 'all') return [pass, `meta l4proto tcp ${redirect}`]
  if (options.inboundPorts.length === 0) return []
  return [pass, `tcp dport ${set(options.inboundPorts)} ${redirect}`]
}

function outbound(options: CaptureOptions): readonly string[] {
  const redirect = `redirect to :${options.outboundPort}`
  const owners = ownerMatches(options)
  const rules = ['oifname "lo" ip saddr 127.0.0.6 return']
  if (options.outboundExcluded.length > 0) rules.push(`tcp dport ${set(options.outboundExcluded)} return`)
  for (const owner of owners) {
    rules.push(
      `oifname "lo" ip daddr != 127.0.0.1 tcp dport != ${options.tunnelPort} ${owner} redirect to :${options.inboundPort}`,
    )
  }
  rules.push('oifname "lo" return', ...owners.map((owner) => `${owner} return`), 'ip daddr 127.0.0.1 return')
  if (options.outboundExcludedCidrs.length > 0) {
    rules.push(`ip daddr ${set(options.outboundExcludedCidrs)} return`)
  }
  if (options.outboundPorts === 'all' || options.outboundCidrs === 'all') {
    return [...rules, `meta l4proto tcp ${redirect}`]
  }
  if (options.outboundPorts.length > 0) rules.push(`tcp dport ${set(options.outboundPorts)} ${redirect}`)
  if (options.outboundCidrs.length > 0) {
    rules.push(`ip daddr ${set(options.outboundCidrs)} meta l4proto tcp ${redirect}`)
  }
  return rules
}

function ownerMatches(options: CaptureOptions): readonly string[] {
  return [
    `meta mark ${PROXY_SOCKET_MARK}`,
    ...(options.uids.length > 0 ? [`meta skuid ${set(options.uids)}`] : []),
    ...(options.gids.length > 0 ? [`meta skgid ${set(options.gids)}`] : []),
  ]
}

function set(elements: readonly (number | string)[]): string {
  return `{ ${[...new Set(elements)].join(', ')} }`
}
