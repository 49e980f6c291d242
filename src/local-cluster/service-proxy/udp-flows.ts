import { forgetUdpFlows, type UdpFlow } from '../../linux/index.ts'
import { type Family, type RuleSet, socketText } from './rules.ts'

/** Where datagrams to a Service may go now: `address:port`, or `*:port` for a node port → endpoints. */
export type UdpDestinations = Readonly<Record<string, readonly string[]>>

export function udpDestinations(rules: RuleSet): UdpDestinations {
  const found: Record<string, readonly string[]> = {}
  for (const [key, chain] of rules.addresses) {
    const [address, protocol, port] = key.split(' . ')
    if (protocol === 'udp') found[socketText(address ?? '', port ?? '')] = endpointsBehind(chain, rules)
  }
  for (const [key, chain] of rules.nodePorts) {
    const [protocol, port] = key.split(' . ')
    if (protocol === 'udp') found[`*:${port}`] = endpointsBehind(chain, rules)
  }
  return found
}

function endpointsBehind(chain: string, rules: RuleSet): readonly string[] {
  return (rules.chains.get(chain) ?? []).flatMap((rule) => {
    const target = / dnat to (\S+)$/.exec(rule)?.[1]
    if (target !== undefined) return [target]
    return [...rule.matchAll(/goto ([\w-]+)/g)].flatMap(([, next = '']) => endpointsBehind(next, rules))
  })
}

/** Whether datagrams of the flow go to an endpoint that the Service has not any more. */
function isStale({ destination, answers }: UdpFlow, now: UdpDestinations): boolean {
  const wasTranslated = destination.address !== answers.address || destination.port !== answers.port
  if (!wasTranslated) return false
  const endpoints = now[socketText(destination.address, destination.port)] ?? now[`*:${destination.port}`]
  return endpoints !== undefined && !endpoints.includes(socketText(answers.address, answers.port))
}

/** A client that sends from one port all the time would never hear of a change. @returns how many flows begin anew */
export function forgetStaleFlows(now: UdpDestinations, family: Family, netns?: string): number {
  if (Object.keys(now).length === 0) return 0
  return forgetUdpFlows((flow) => isStale(flow, now), { family: family === 'ip' ? 4 : 6, netns })
}
