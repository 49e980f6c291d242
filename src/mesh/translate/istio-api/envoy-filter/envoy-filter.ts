import {
  type HttpBounds,
  httpBoundsName,
  type Origin,
  type RateLimit,
  rateLimitName,
} from '../../../../model/index.ts'
import { type EnvoyFilter, GATEWAY_GROUP } from '../../../resources/index.ts'
import { namespaceOf } from '../../names.ts'
import { type Problem, problemsOf } from '../../problem.ts'
import type { MeshSettings } from '../../settings.ts'
import { type BoundsPatch, readClusterPatch, readConnectionManagerPatch } from './http-bounds.ts'
import { type LimitTerms, LOCAL_RATE_LIMIT, readLocalRateLimit } from './local-rate-limit.ts'
import { listenerPlace, routePlace, sidesOf } from './patch-match.ts'
import { isRecord, memberOf, type Node, onlyMembers, textOf } from './read.ts'

export interface EnvoyFilterResult {
  /** `<namespace>/<name>` */
  readonly key: string
  readonly limits: readonly RateLimit[]
  readonly bounds: readonly HttpBounds[]
  readonly problems: readonly Problem[]
}

const ONLY =
  'the mesh has no Envoy whose configuration could be patched; local rate limits, and bounds on heads and times, are the exception'

/**
 * Of the patches that EnvoyFilters make to Envoy's configuration the documented ones for local rate limits: the filter
 * put into listeners, and its terms for virtual hosts and routes; and those for bounds of the HTTP connection manager
 * and of clusters. Every other patch is a problem.
 */
export function translateEnvoyFilter(object: EnvoyFilter, settings: MeshSettings): EnvoyFilterResult {
  const namespace = namespaceOf(object)
  const { name, creationTimestamp: created = '' } = object.metadata
  const origin: Origin = { kind: 'EnvoyFilter', namespace, name }
  const problems: string[] = []
  const patches = (object.spec.configPatches ?? []).flatMap((value, index) => {
    const path = `spec.configPatches[${index}]`
    const found: string[] = []
    const faults = {
      add: (at: string, message: string) => found.push(`${at} ${message}`),
      note: (at: string, message: string) => problems.push(`${at} ${message}`),
    }
    const patch = readPatch({ path, value, faults })
    problems.push(...found.map((message) => `${message}; the patch is not applied`))
    return patch === undefined || found.length > 0 ? [] : [{ ...patch, index }]
  })
  const isMeshWide = namespace === settings.rootNamespace
  const selectors = patches.length === 0 ? [] : selectorsOf(object, problems)
  const common = (index: number, labels: Readonly<Record<string, string>>): Common => ({
    selector: { ...(isMeshWide ? {} : { namespace }), labels },
    order: [object.spec.priority ?? 0, isMeshWide ? 0 : 1, created, name, namespace, index],
    origin: { ...origin, rule: index },
  })
  const named = ({ index }: Placed): readonly (readonly [part: string, common: Common])[] =>
    selectors.map((labels, part) => [part === 0 ? String(index) : `${index}/${part}`, common(index, labels)])
  const limits = servedLimits(patches, problems).flatMap((patch) =>
    named(patch).map(([part, rest]): RateLimit => {
      const { sides, place, terms } = patch
      return { type: 'rate-limit', key: rateLimitName(origin, part), sides, place, ...terms, ...rest }
    }),
  )
  const bounds = patches.flatMap((patch) =>
    patch.kind !== 'bounds'
      ? []
      : named(patch).map(([part, rest]): HttpBounds => {
          const { sides, place, terms } = patch
          return { type: 'http-bounds', key: httpBoundsName(origin, part), sides, place, ...terms, ...rest }
        }),
  )
  return { key: `${namespace}/${name}`, limits, bounds, problems: problemsOf(origin, problems) }
}

/** What all that comes of one object has. */
type Common = Pick<RateLimit, 'selector' | 'order' | 'origin'>

interface Placed {
  readonly index: number
}

/** Envoy looks at the terms of a route only where the filter is in the listener's chain. */
function servedLimits(
  patches: readonly (Patch & Placed)[],
  problems: string[],
): readonly (LimitPatch & Placed)[] {
  const limits = patches.filter((patch) => patch.kind === 'limit')
  const isInChain = (side: string): boolean =>
    limits.some(({ place, sides }) => place.kind === 'listener' && sides.some((one) => one === side))
  return limits.flatMap((patch) => {
    const sides = patch.place.kind === 'listener' ? patch.sides : patch.sides.filter(isInChain)
    if (sides.length > 0) return [{ ...patch, sides }]
    problems.push(
      `spec.configPatches[${patch.index}] has no effect: no HTTP_FILTER patch of this object puts ${LOCAL_RATE_LIMIT} there`,
    )
    return []
  })
}

/** The labels of the proxies that are meant, once for each target. */
function selectorsOf(object: EnvoyFilter, problems: string[]): readonly Readonly<Record<string, string>>[] {
  const { workloadSelector, targetRefs = [] } = object.spec
  if (targetRefs.length === 0) return [workloadSelector?.labels ?? {}]
  return targetRefs.flatMap(({ group = '', kind, name }) => {
    if (group === GATEWAY_GROUP && kind === 'Gateway') return [{ [`${GATEWAY_GROUP}/gateway-name`]: name }]
    problems.push(`spec.targetRefs: ${kind} ${name} is not supported, a Gateway of ${GATEWAY_GROUP} is`)
    return []
  })
}

interface LimitPatch extends Pick<RateLimit, 'sides' | 'place'> {
  readonly kind: 'limit'
  readonly terms: LimitTerms
}

type Patch = LimitPatch | BoundsPatch

function readPatch(node: Node): Patch | undefined {
  const applyTo = textOf(memberOf(node, 'applyTo')) ?? ''
  const match = memberOf(node, 'match')
  const patch = memberOf(node, 'patch')
  const value = patch && memberOf(patch, 'value')
  const operation = textOf(patch && memberOf(patch, 'operation')) ?? ''
  switch (applyTo) {
    case 'HTTP_FILTER':
      return readFilterPatch(node, match, { operation, value })
    case 'NETWORK_FILTER':
      return readConnectionManagerPatch(node, match, { operation, value })
    case 'CLUSTER':
      return readClusterPatch(node, match, { operation, value })
    case 'VIRTUAL_HOST':
      return readRoutePatch(node, match, { operation, value, kind: 'virtual-host' })
    case 'HTTP_ROUTE':
      return readRoutePatch(node, match, { operation, value, kind: 'route' })
    default:
      node.faults.add(`${node.path}.applyTo`, `${applyTo} is not supported: ${ONLY}`)
      return undefined
  }
}

const INSERTS = ['INSERT_BEFORE', 'INSERT_FIRST', 'INSERT_AFTER', 'ADD']

function readFilterPatch(
  node: Node,
  match: Node | undefined,
  patch: { readonly operation: string; readonly value: Node | undefined },
): LimitPatch | undefined {
  const { operation, value } = patch
  const name = textOf(value && memberOf(value, 'name')) ?? ''
  if (value === undefined || name !== LOCAL_RATE_LIMIT) {
    node.faults.add(`${node.path}.patch.value.name`, `${name} is not supported: ${ONLY}`)
    return undefined
  }
  if (!INSERTS.includes(operation)) {
    node.faults.add(`${node.path}.patch.operation`, `must be one of ${INSERTS.join(', ')}`)
  }
  onlyMembers(value, ['name', 'typed_config'])
  const config = memberOf(value, 'typed_config')
  if (config === undefined) {
    node.faults.add(`${value.path}.typed_config`, 'is needed')
    return undefined
  }
  const terms = readLocalRateLimit(config, false)
  return terms && { kind: 'limit', sides: sidesOf(match), place: listenerPlace(match), terms }
}

function readRoutePatch(
  node: Node,
  match: Node | undefined,
  patch: {
    readonly operation: string
    readonly value: Node | undefined
    readonly kind: 'virtual-host' | 'route'
  },
): LimitPatch | undefined {
  const { operation, value, kind } = patch
  const configs = value && memberOf(value, 'typed_per_filter_config')
  const config =
    configs && isRecord(configs.value) && Object.hasOwn(configs.value, LOCAL_RATE_LIMIT)
      ? { ...configs, path: `${configs.path}[${LOCAL_RATE_LIMIT}]`, value: configs.value[LOCAL_RATE_LIMIT] }
      : undefined
  if (value === undefined || configs === undefined || config === undefined) {
    node.faults.add(`${node.path}.patch.value`, `is not supported: ${ONLY}`)
    return undefined
  }
  if (operation !== 'MERGE') node.faults.add(`${node.path}.patch.operation`, 'must be MERGE')
  onlyMembers(value, ['typed_per_filter_config'])
  for (const key of Object.keys(configs.value as object)) {
    if (key !== LOCAL_RATE_LIMIT) node.faults.add(`${configs.path}[${key}]`, `is not supported: ${ONLY}`)
  }
  const terms = readLocalRateLimit(config, true)
  return terms && { kind: 'limit', sides: sidesOf(match), place: routePlace(match, kind), terms }
}
