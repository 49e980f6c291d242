import { DISCARD_CHAIN, type Family, REFUSE_CHAIN, type RuleSet } from './rules.ts'

/** Of one family: each has a table of its own. */
export interface ServiceNetwork {
  readonly family: Family
  readonly bridge: string
  /** The machine's own address on the bridge. */
  readonly bridgeAddress: string
  readonly podCidr: string
  /** Addresses that exist only through the rules: what no rule takes is refused at once, not left to time out. */
  readonly virtualCidrs: readonly string[]
}

export const SERVICE_TABLE = 'lateen'

/** More clients than a machine has at a time; the oldest are not kept to their endpoint beyond that. */
const CLIENTS_MAX = 65_535

/** Node ports that are asked for at ::1. */
const LOOPBACK_PORTS = 'loopback_ports'

const ADDRESS_TYPES = { ip: 'ipv4_addr', ip6: 'ipv6_addr' } as const

const EMPTY: Omit<RuleSet, 'family'> = {
  chains: new Map(),
  clients: new Map(),
  addresses: new Map(),
  nodePorts: new Map(),
}

/** The whole table, replacing whatever it held, as one transaction. */
export function fullScript(rules: RuleSet, network: ServiceNetwork): string {
  return [
    `table ${rules.family} ${SERVICE_TABLE}`,
    `delete table ${rules.family} ${SERVICE_TABLE}`,
    frame(network),
    changeScript({ ...EMPTY, family: rules.family }, rules),
  ].join('\n')
}

/** The commands that turn one set of rules into another, as one transaction; empty when nothing differs. */
export function changeScript(before: RuleSet, after: RuleSet): string {
  const lines: string[] = []
  const table = `${after.family} ${SERVICE_TABLE}`
  const changed = [...after.chains].filter(
    ([name, rules]) => before.chains.get(name)?.join('\n') !== rules.join('\n'),
  )
  // Sets and chains come before what points at them, and go after it.
  for (const [name, seconds] of after.clients) {
    if (before.clients.has(name)) continue
    const properties = `flags dynamic, timeout; timeout ${seconds}s; size ${CLIENTS_MAX};`
    lines.push(`add set ${table} ${name} { type ${ADDRESS_TYPES[after.family]}; ${properties} }`)
  }
  for (const [name] of changed) lines.push(`add chain ${table} ${name}`, `flush chain ${table} ${name}`)
  for (const [name, rules] of changed)
    for (const rule of rules) lines.push(`add rule ${table} ${name} ${rule}`)
  lines.push(...mapChanges(`${table} service_addresses`, before.addresses, after.addresses))
  lines.push(...mapChanges(`${table} service_node_ports`, before.nodePorts, after.nodePorts))
  if (after.family === 'ip6') lines.push(...loopbackChanges(table, before.nodePorts, after.nodePorts))
  const gone = [...before.chains.keys()].filter((name) => !after.chains.has(name))
  for (const name of gone) lines.push(`flush chain ${table} ${name}`)
  for (const name of gone) lines.push(`delete chain ${table} ${name}`)
  for (const name of before.clients.keys())
    if (!after.clients.has(name)) lines.push(`delete set ${table} ${name}`)
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
    ...(removed.length > 0 ? [`delete element ${map} { ${elements(removed)} }`] : []),
    ...(added.length > 0 ? [`add element ${map} { ${elements(added)} }`] : []),
  ]
}

/** The numbers alone: a set beside the map, as a packet's source is to be changed and not its way. */
function loopbackChanges(
  table: string,
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly string[] {
  const gone = [...before.keys()].filter((key) => !after.has(key))
  const come = [...after.keys()].filter((key) => !before.has(key))
  return [
    ...(gone.length > 0 ? [`delete element ${table} ${LOOPBACK_PORTS} { ${gone.join(', ')} }`] : []),
    ...(come.length > 0 ? [`add element ${table} ${LOOPBACK_PORTS} { ${come.join(', ')} }`] : []),
  ]
}

/** The chains that never change: where packets come in, and what happens to those that no Service takes. */
function frame(network: ServiceNetwork): string {
  const { family } = network
  const virtual = `{ ${network.virtualCidrs.join(', ')} }`
  return `table ${family} ${SERVICE_TABLE} {
  map service_addresses { type ${ADDRESS_TYPES[family]} . inet_proto . inet_service : verdict; }
  map service_node_ports { type inet_proto . inet_service : verdict; }
  chain ${REFUSE_CHAIN} {
    meta mark set meta mark | 0x8000
  }
  chain ${DISCARD_CHAIN} {
    drop
  }
  chain services {
    ${family} daddr . meta l4proto . th dport vmap @service_addresses
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
    ${family} saddr ${network.podCidr} oifname != "${network.bridge}" oifname != "lo" masquerade
${family === 'ip' ? `    ip saddr 127.0.0.0/8 oifname "${network.bridge}" masquerade` : ''}
  }
${family === 'ip6' ? loopbackChains(network) + unreachableChain(network) : ''}
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
    ${family} daddr ${virtual} meta l4proto tcp reject with tcp reset
    ${family} daddr ${virtual} reject
  }
}`
}

/**
 * Node ports at ::1. The kernel routes no answer to ::1 that comes from elsewhere, and IPv6 has no setting for it as
 * IPv4 has: the source becomes the machine's own address on the bridge before the translation of addresses sees the
 * packet, and its answer is given back to ::1 after it.
 */
function loopbackChains({ bridgeAddress }: ServiceNetwork): string {
  return `  set ${LOOPBACK_PORTS} { type inet_proto . inet_service; }
  chain loopback_leaves {
    type filter hook output priority raw; policy accept;
    ip6 saddr ::1 ip6 daddr ::1 meta l4proto . th dport @${LOOPBACK_PORTS} ip6 saddr set ${bridgeAddress}
  }
  chain loopback_returns {
    type filter hook input priority 200; policy accept;
    ip6 saddr ::1 ip6 daddr ${bridgeAddress} meta l4proto . th sport @${LOOPBACK_PORTS} ip6 daddr set ::1
  }
`
}

/**
 * Where nothing is, or no more, a pod's connection ends at once: the kernel's own answer, an error of ICMP, reaches the
 * socket while it is still busy with its first packet, and IPv6 then waits a second for the next.
 */
function unreachableChain({ podCidr }: ServiceNetwork): string {
  return `  chain unreachable {
    type filter hook prerouting priority filter; policy accept;
    ip6 saddr ${podCidr} fib daddr type unreachable meta l4proto tcp reject with tcp reset
  }`
}
