import { DISCARD_CHAIN, REFUSE_CHAIN, type RuleSet } from './rules.ts'

export interface ServiceNetwork {
  readonly bridge: string
  readonly podCidr: string
  /** Addresses that exist only through the rules: what no rule takes is refused at once, not left to time out. */
  readonly virtualCidrs: readonly string[]
}

export const SERVICE_TABLE = 'lateen'

/** More clients than a machine has at a time; the oldest are not kept to their endpoint beyond that. */
const CLIENTS_MAX = 65_535

const EMPTY: RuleSet = {
  chains: new Map(),
  clients: new Map(),
  addresses: new Map(),
  nodePorts: new Map(),
}

/** The whole table, replacing whatever it held, as one transaction. */
export function fullScript(rules: RuleSet, network: ServiceNetwork): string {
  return [
    `table ip ${SERVICE_TABLE}`,
    `delete table ip ${SERVICE_TABLE}`,
    frame(network),
    changeScript(EMPTY, rules),
  ].join('\n')
}

/** The commands that turn one set of rules into another, as one transaction; empty when nothing differs. */
export function changeScript(before: RuleSet, after: RuleSet): string {
  const lines: string[] = []
  const changed = [...after.chains].filter(
    ([name, rules]) => before.chains.get(name)?.join('\n') !== rules.join('\n'),
  )
  // Sets and chains come before what points at them, and go after it.
  for (const [name, seconds] of after.clients) {
    if (before.clients.has(name)) continue
    const properties = `flags dynamic, timeout; timeout ${seconds}s; size ${CLIENTS_MAX};`
    lines.push(`add set ip ${SERVICE_TABLE} ${name} { type ipv4_addr; ${properties} }`)
  }
  for (const [name] of changed)
    lines.push(`add chain ip ${SERVICE_TABLE} ${name}`, `flush chain ip ${SERVICE_TABLE} ${name}`)
  for (const [name, rules] of changed)
    for (const rule of rules) lines.push(`add rule ip ${SERVICE_TABLE} ${name} ${rule}`)
  lines.push(...mapChanges('service_addresses', before.addresses, after.addresses))
  lines.push(...mapChanges('service_node_ports', before.nodePorts, after.nodePorts))
  const gone = [...before.chains.keys()].filter((name) => !after.chains.has(name))
  for (const name of gone) lines.push(`flush chain ip ${SERVICE_TABLE} ${name}`)
  for (const name of gone) lines.push(`delete chain ip ${SERVICE_TABLE} ${name}`)
  for (const name of before.clients.keys())
    if (!after.clients.has(name)) lines.push(`delete set ip ${SERVICE_TABLE} ${name}`)
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

function mapChanges(
  map: string,
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly string[] {
  const removed = [...before].filter(([key, chain]) => after.get(key) !== chain)
  const added = [...after].filter(([key, chain]) => before.get(key) !== chain)
  const elements = (entries: readonly (readonly [string, string])[]) =>
    entries.map(([key, chain]) => `${key} : goto ${chain}`).join(', ')
  return [
    ...(removed.length > 0 ? [`delete element ip ${SERVICE_TABLE} ${map} { ${elements(removed)} }`] : []),
    ...(added.length > 0 ? [`add element ip ${SERVICE_TABLE} ${map} { ${elements(added)} }`] : []),
  ]
}

/** The chains that never change: where packets come in, and what happens to those that no Service takes. */
function frame(network: ServiceNetwork): string {
  const virtual = `{ ${network.virtualCidrs.join(', ')} }`
  return `table ip ${SERVICE_TABLE} {
  map service_addresses { type ipv4_addr . inet_proto . inet_service : verdict; }
  map service_node_ports { type inet_proto . inet_service : verdict; }
  chain ${REFUSE_CHAIN} {
    meta mark set meta mark | 0x8000
  }
  chain ${DISCARD_CHAIN} {
    drop
  }
  chain services {
    ip daddr . meta l4proto . th dport vmap @service_addresses
    fib daddr type local meta l4proto . th dport vmap @service_node_ports
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    jump services
  }
  chain output {
    type nat hook output priority -100; policy accept;
    jump services
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    meta mark & 0x4000 == 0x4000 masquerade
    ip saddr ${network.podCidr} oifname != "${network.bridge}" oifname != "lo" masquerade
    ip saddr 127.0.0.0/8 oifname "${network.bridge}" masquerade
  }
  chain refuse_forward {
    type filter hook forward priority filter; policy accept;
    jump refuse_virtual
  }
  chain refuse_output {
    type filter hook output priority filter; policy accept;
    jump refuse_virtual
  }
  chain refuse_virtual {
    meta mark & 0x8000 == 0x8000 meta l4proto tcp reject with tcp reset
    meta mark & 0x8000 == 0x8000 reject
    fib daddr type local accept
    ip daddr ${virtual} meta l4proto tcp reject with tcp reset
    ip daddr ${virtual} reject
  }
}`
}
