import { type FieldError, type KubeObject } from '../../../kube/index.ts'
import { at, listAt, sameJson, stringAt } from '../json.ts'
import { withSpec } from './service-spec.ts'

export type IpFamily = 'IPv4' | 'IPv6'

/** What a Service has of addresses, or wants. */
interface Wishes {
  readonly policy: string
  readonly families: readonly IpFamily[]
  /** `None` alone where it is headless. */
  readonly addresses: readonly string[]
}

/**
 * Says what families a Service's addresses are of, where it leaves that open, or wants another policy than before: its
 * policy, its families, and the addresses that it keeps.
 * @param configured those of the cluster, its own first
 * @see Kubernetes "IPv4/IPv6 dual-stack": the policy alone leads from one family to two and back
 */
export function withFamilies(
  object: KubeObject,
  old: KubeObject | undefined,
  configured: readonly IpFamily[],
): { readonly object: KubeObject; readonly errors: readonly FieldError[] } {
  const before = old && wishesOf(old)
  const wishes = withoutSecond(wishesOf(object), before)
  // Of what is stored, nothing changes by itself when the cluster comes to a second family or loses it.
  const isKept = before !== undefined && sameJson(wishes, before) && before.families.length > 0
  const inferred = isKept ? wishes : { ...wishes, families: inferFamilies(wishes) }
  const isFree = hasNoPods(object)
  const wrong = isKept ? [] : wishErrors(object, { wishes, before, configured })
  // What follows would but say the same of the families that were inferred.
  const errors = wrong.length > 0 || isKept || isFree ? wrong : clusterErrors(inferred, configured)
  if (errors.length > 0) return { object, errors }
  const families = isKept ? wishes.families : completed(inferred, isFree ? BOTH : configured)
  const { policy, addresses } = wishes
  const clusterIPs = addresses.length > 0 ? addresses : undefined
  return {
    object: withSpec(object, {
      clusterIP: addresses[0],
      clusterIPs,
      ipFamilies: families,
      ipFamilyPolicy: policy,
    }),
    errors,
  }
}

function wishErrors(
  object: KubeObject,
  {
    wishes,
    before,
    configured,
  }: {
    readonly wishes: Wishes
    readonly before: Wishes | undefined
    readonly configured: readonly IpFamily[]
  },
): readonly FieldError[] {
  const [, second] = before?.addresses ?? []
  const isOther = second !== undefined && wishes.addresses.length === 2 && wishes.addresses[1] !== second
  const ofLists = [
    ...(isOther ? [invalidField('spec.clusterIPs[1]', wishes.addresses, 'may not change once set')] : []),
    ...(before === undefined ? listErrors(object, wishes) : []),
    ...secondErrors(wishes, before),
  ]
  return ofLists.length > 0 ? ofLists : addressErrors(wishes, configured)
}

const BOTH: readonly IpFamily[] = ['IPv4', 'IPv6']

export function familyOf(address: string): IpFamily {
  return address.includes(':') ? 'IPv6' : 'IPv4'
}

/** Asked for, whatever they are; empty for none. */
export function clusterIpsOf(service: KubeObject): readonly string[] {
  const list = listAt(service.spec, 'clusterIPs').filter((address) => typeof address === 'string')
  const first = stringAt(service.spec, 'clusterIP') ?? ''
  return list.length > 0 || first === '' ? list : [first]
}

/** Headless and of nobody: its addresses are those that somebody writes, of whatever family. */
function hasNoPods(service: KubeObject): boolean {
  const selector = at(service.spec, 'selector') as object | undefined
  return clusterIpsOf(service)[0] === 'None' && Object.keys(selector ?? {}).length === 0
}

function wishesOf(service: KubeObject): Wishes {
  return {
    policy:
      stringAt(service.spec, 'ipFamilyPolicy') ?? (hasNoPods(service) ? 'RequireDualStack' : 'SingleStack'),
    families: listAt(service.spec, 'ipFamilies') as readonly IpFamily[],
    addresses: clusterIpsOf(service),
  }
}

/** Who asks for a single family, and leaves the rest as it was, means the first. */
function withoutSecond(wishes: Wishes, before: Wishes | undefined): Wishes {
  if (before === undefined || wishes.policy !== 'SingleStack') return wishes
  const first = <T>(now: readonly T[], was: readonly T[]) => (sameJson(now, was) ? now.slice(0, 1) : now)
  return {
    ...wishes,
    families: first(wishes.families, before.families),
    addresses: first(wishes.addresses, before.addresses),
  }
}

function inferFamilies({ families, addresses }: Wishes): readonly IpFamily[] {
  const further = addresses.slice(families.length).filter((address) => address !== 'None')
  return [...families, ...further.map(familyOf)]
}

const SECONDS = { clusterIPs: 'cluster IP', ipFamilies: 'IP family' } as const
const MANY = { clusterIPs: 'cluster IPs', ipFamilies: 'IP families' } as const

/** The policy alone says whether there are two: neither may there be more than it allows, nor is one let go beside it. */
function secondErrors(wishes: Wishes, before: Wishes | undefined): readonly FieldError[] {
  const { policy } = wishes
  return MEMBERS.flatMap((member) => {
    const count = countOf(wishes, member)
    const had = before === undefined ? 0 : countOf(before, member)
    if (policy === 'SingleStack' && count > 1) {
      const detail = `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${MANY[member]} are specified`
      return [invalidField('spec.ipFamilyPolicy', policy, detail)]
    }
    if (policy === 'SingleStack' || had < 2 || count !== 1) return []
    const detail = `must be 'SingleStack' to release the secondary ${SECONDS[member]}`
    return [invalidField('spec.ipFamilyPolicy', policy, detail)]
  })
}

const MEMBERS = ['clusterIPs', 'ipFamilies'] as const

function countOf(wishes: Wishes, member: (typeof MEMBERS)[number]): number {
  return (member === 'clusterIPs' ? wishes.addresses : wishes.families).length
}

/** What is wrong with the list of addresses by itself. */
function listErrors(object: KubeObject, { addresses }: Wishes): readonly FieldError[] {
  const refuse = (detail: string) => invalidField('spec.clusterIPs', addresses, detail)
  const isAlone = addresses.length > 0 && (stringAt(object.spec, 'clusterIP') ?? '') === ''
  const isTwice = addresses.length === 2 && new Set(addresses.map(familyOf)).size < 2
  return [
    ...(isAlone ? [refuse('must be empty when `clusterIP` is not specified')] : []),
    ...(isTwice ? [refuse('may specify no more than one IP for each IP family')] : []),
  ]
}

function addressErrors(
  { families, addresses }: Wishes,
  configured: readonly IpFamily[],
): readonly FieldError[] {
  return addresses.flatMap((address, index) => {
    const isOpen = address !== 'None' && index >= families.length
    if (!isOpen || configured.includes(familyOf(address))) return []
    const detail = `${familyOf(address)} is not configured on this cluster`
    return [invalidField(`spec.clusterIPs[${index}]`, addresses, detail)]
  })
}

function clusterErrors({ policy, families }: Wishes, configured: readonly IpFamily[]): readonly FieldError[] {
  const path = 'spec.ipFamilyPolicy'
  const detail = 'this cluster is not configured for dual-stack services'
  return [
    ...(policy === 'RequireDualStack' && configured.length < 2 ? [invalidField(path, policy, detail)] : []),
    ...families.flatMap((family, index) =>
      configured.includes(family)
        ? []
        : [invalidField(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster')],
    ),
  ]
}

/** With the cluster's own where none is asked for, and the other one for those who want two. */
function completed({ policy, families }: Wishes, configured: readonly IpFamily[]): readonly IpFamily[] {
  const [own = 'IPv4'] = configured
  const known = families.length === 0 ? [own] : families
  if (policy === 'SingleStack' || known.length === 2) return known
  return [...known, ...configured.filter((family) => !known.includes(family))]
}

function invalidField(path: string, value: unknown, detail: string): FieldError {
  return { type: 'Invalid value', path, value, detail }
}
