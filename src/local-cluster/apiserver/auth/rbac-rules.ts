import type { PolicyRule } from '../../../kube/index.ts'
import type { Attributes } from './access.ts'

/** What cluster-admin may do. */
export const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
]

/** Whether one rule of a role allows a request. */
export function ruleAllows(rule: PolicyRule, attributes: Attributes): boolean {
  if (!includes(rule.verbs, attributes.verb)) return false
  if (attributes.kind === 'path') return matchesPath(rule.nonResourceURLs ?? [], attributes.path)
  const { group, plural, subresource, name } = attributes.path
  const names = rule.resourceNames ?? []
  return (
    includes(rule.apiGroups ?? [], group) &&
    matchesResource(rule.resources ?? [], plural, subresource) &&
    (names.length === 0 || names.includes(name))
  )
}

function includes(allowed: readonly string[], wanted: string): boolean {
  return allowed.includes('*') || allowed.includes(wanted)
}

function matchesResource(allowed: readonly string[], plural: string, subresource: string): boolean {
  if (includes(allowed, subresource === '' ? plural : `${plural}/${subresource}`)) return true
  return subresource !== '' && allowed.includes(`*/${subresource}`)
}

/** A trailing star stands for any rest of the path. */
function matchesPath(allowed: readonly string[], path: string): boolean {
  return allowed.some(
    (url) => url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1))),
  )
}

/** More parts than this are not compared: nobody writes such a role by hand. */
const PARTS_MAX = 20_000

/**
 * What of the wanted rules nobody holds who has the held ones, as rules of one group, resource and verb each.
 * @throws RangeError when the wanted rules fall into more parts than are compared
 */
export function missingRules(
  held: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
): readonly PolicyRule[] {
  const parts = wanted.flatMap((rule) => (held.some((one) => covers(one, rule)) ? [] : [...partsOf(rule)]))
  return parts.filter((part) => !held.some((one) => covers(one, part)))
}

function* partsOf(rule: PolicyRule): Iterable<PolicyRule> {
  const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [], verbs } = rule
  const names = Math.max(resourceNames.length, 1)
  const count = verbs.length * (apiGroups.length * resources.length * names + nonResourceURLs.length)
  if (count > PARTS_MAX) throw new RangeError(`the rule grants more than ${PARTS_MAX} single permissions`)
  for (const verb of verbs) {
    for (const group of apiGroups) {
      for (const resource of resources) {
        const part = { verbs: [verb], apiGroups: [group], resources: [resource] }
        if (resourceNames.length === 0) yield part
        for (const name of resourceNames) yield { ...part, resourceNames: [name] }
      }
    }
    for (const url of nonResourceURLs) yield { verbs: [verb], nonResourceURLs: [url] }
  }
}

/** Whether everything that a rule allows is allowed by another one alone. */
function covers(held: PolicyRule, wanted: PolicyRule): boolean {
  const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [], verbs } = wanted
  const heldNames = held.resourceNames ?? []
  const heldResources = held.resources ?? []
  return (
    verbs.every((verb) => includes(held.verbs, verb)) &&
    apiGroups.every((group) => includes(held.apiGroups ?? [], group)) &&
    resources.every((resource) => coversResource(heldResources, resource)) &&
    (heldNames.length === 0 ||
      (resourceNames.length > 0 && resourceNames.every((name) => heldNames.includes(name)))) &&
    nonResourceURLs.every((url) => coversUrl(held.nonResourceURLs ?? [], url))
  )
}

function coversResource(held: readonly string[], wanted: string): boolean {
  const [plural = '', subresource = ''] = wanted.split('/', 2)
  return matchesResource(held, plural, subresource)
}

function coversUrl(held: readonly string[], wanted: string): boolean {
  return held.includes(wanted) || matchesPath(held, wanted)
}

/** Parts with the same group and resource are shown as one rule with all their verbs. */
export function compactRules(parts: readonly PolicyRule[]): readonly PolicyRule[] {
  const byTarget = new Map<string, PolicyRule>()
  for (const part of parts) {
    const target = JSON.stringify({ ...part, verbs: [] })
    const known = byTarget.get(target)
    byTarget.set(target, known ? { ...known, verbs: [...known.verbs, ...part.verbs] } : part)
  }
  return [...byTarget.values()]
}

/** A rule in one line, as Kubernetes writes it in refusals. */
export function describeRule(rule: PolicyRule): string {
  const members = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ] as const
  const texts = members.flatMap(([name, values]) =>
    values === undefined || values.length === 0 ? [] : [`${name}:${quotedList(values)}`],
  )
  return `{${texts.join(', ')}}`
}

/** `["a" "b"]`: how Go prints a list of texts. */
export function quotedList(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(' ')}]`
}
