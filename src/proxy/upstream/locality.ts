import type { Locality, LocalityBalancing, Workload } from '../../model/index.ts'

/** What stands somewhere. */
export interface Located {
  readonly weight: number
  readonly workload: () => Workload | undefined
}

/**
 * How hosts stand to one another: each tier takes over what those before it cannot serve, or each has its share.
 * There is no empty tier.
 */
export interface Tiers<Host> {
  readonly kind: 'priorities' | 'shares'
  readonly tiers: readonly Tier<Host>[]
}

interface Tier<Host> {
  readonly hosts: readonly Host[]
  /** Of its share; 0 among priorities. */
  readonly weight: number
}

const REGION = 2
const FAR = 3
/** Farther than that: a failover rule names another region. */
const BEYOND = 4

/**
 * Where requests of one client go first.
 * @param own the client; without it, or without a locality of it, all hosts are alike
 * @param failsOver whether somebody watches the health of hosts: without that, what is near would be used though it fails
 * @see Istio, LocalityLoadBalancerSetting
 */
export function tiersOf<Host extends Located>(
  hosts: readonly Host[],
  client: {
    readonly policy: LocalityBalancing | undefined
    readonly own: Workload | undefined
    readonly failsOver: boolean
  },
): Tiers<Host> {
  const { policy, own, failsOver } = client
  if (own === undefined || policy?.enabled === false || hosts.length === 0) return oneTier(hosts)
  if (policy !== undefined && policy.distribute.length > 0) {
    return (own.locality && shares(hosts, policy, own.locality)) ?? oneTier(hosts)
  }
  if (!failsOver) return oneTier(hosts)
  const labels = policy?.failoverPriority ?? []
  if (labels.length > 0) return priorities(hosts, labelDistance(labels, own))
  if (own.locality === undefined) return oneTier(hosts)
  const distance = regionDistance(own.locality, policy?.failover ?? [])
  if (policy?.zoneAware === undefined) return priorities(hosts, distance)
  // The zones of the region stand side by side.
  return priorities(hosts, (workload) => Math.max(REGION, distance(workload)))
}

function oneTier<Host>(hosts: readonly Host[]): Tiers<Host> {
  return { kind: 'priorities', tiers: hosts.length === 0 ? [] : [{ hosts, weight: 0 }] }
}

function priorities<Host extends Located>(
  hosts: readonly Host[],
  distance: (workload: Workload | undefined) => number,
): Tiers<Host> {
  const groups = new Map<number, Host[]>()
  for (const host of hosts) {
    const at = distance(host.workload())
    const group = groups.get(at)
    if (group === undefined) groups.set(at, [host])
    else group.push(host)
  }
  const tiers = [...groups].toSorted(([a], [b]) => a - b).map(([, group]) => ({ hosts: group, weight: 0 }))
  return { kind: 'priorities', tiers }
}

/** Same subzone, zone, region, elsewhere. */
function regionDistance(
  own: Locality,
  failover: LocalityBalancing['failover'],
): (workload: Workload | undefined) => number {
  const next = failover.find((rule) => rule.from === own.region)
  return (workload) => {
    const there = workload?.locality
    if ((there?.region ?? '') !== own.region) {
      return next === undefined || there?.region === next.to ? FAR : BEYOND
    }
    if ((there?.zone ?? '') !== own.zone) return REGION
    return (there?.subzone ?? '') === own.subzone ? 0 : 1
  }
}

/** The more labels in a row are the client's own, the nearer; `label=value` asks for that value instead. */
function labelDistance(labels: readonly string[], own: Workload): (workload: Workload | undefined) => number {
  const wanted = labels.map((label) => {
    const equals = label.indexOf('=')
    return equals < 0
      ? ([label, labelOf(own, label)] as const)
      : ([label.slice(0, equals), label.slice(equals + 1)] as const)
  })
  return (workload) => {
    const differs = wanted.findIndex(([name, value]) => labelOf(workload, name) !== value)
    return differs < 0 ? 0 : wanted.length - differs
  }
}

/** Istio gives every endpoint the labels of the place where it runs. */
function labelOf(workload: Workload | undefined, name: string): string | undefined {
  switch (name) {
    case 'topology.kubernetes.io/region':
      return workload?.locality?.region
    case 'topology.kubernetes.io/zone':
      return workload?.locality?.zone
    case 'topology.istio.io/subzone':
      return workload?.locality?.subzone
    case 'topology.istio.io/cluster':
      return workload?.cluster
    case 'kubernetes.io/hostname':
      return workload?.node
    default:
      return workload?.labels[name]
  }
}

/** @returns undefined when no rule is for the client's place; hosts in places that its rule does not name get nothing */
function shares<Host extends Located>(
  hosts: readonly Host[],
  policy: LocalityBalancing,
  own: Locality,
): Tiers<Host> | undefined {
  const rule = policy.distribute.find(({ from }) => isWithin(own, from))
  if (rule === undefined) return undefined
  const left = new Set(hosts)
  const tiers: Tier<Host>[] = []
  for (const [to, weight] of Object.entries(rule.to)) {
    const there = [...left].filter((host) => isWithin(host.workload()?.locality, to))
    for (const host of there) left.delete(host)
    if (there.length > 0 && weight > 0) tiers.push({ hosts: there, weight })
  }
  return { kind: 'shares', tiers }
}

/** @param place `region/zone/subzone`, each `*` or left out for any */
function isWithin(locality: Locality | undefined, place: string): boolean {
  const [region = '', zone = '*', subzone = '*'] = place.split('/')
  const { region: ownRegion = '', zone: ownZone = '', subzone: ownSubzone = '' } = locality ?? {}
  return (
    (region === '*' || region === ownRegion) &&
    (zone === '*' || zone === '' || zone === ownZone) &&
    (subzone === '*' || subzone === '' || subzone === ownSubzone)
  )
}
