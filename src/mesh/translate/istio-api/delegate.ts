import type {
  IstioHttpMatch,
  IstioHttpRoute,
  IstioStringMatch,
  VirtualService,
} from '../../resources/index.ts'
import { namespaceOf } from '../names.ts'
import { isVisible, visibilityOf } from '../visibility.ts'

/** A rule of a VirtualService, its own or one that it takes over from a delegate. */
export interface PlacedRule {
  readonly rule: IstioHttpRoute
  /** Where its short host names belong. */
  readonly namespace: string
  /** For messages. */
  readonly path: string
  /** Of the root's rule. */
  readonly index: number
  /** Among the delegate's rules; undefined: it is the root's own. */
  readonly part: number | undefined
}

/** `<namespace>/<name>` of the VirtualServices that take part of this one's rules. */
export function delegatesOf(object: VirtualService): readonly string[] {
  return [...new Set((object.spec.http ?? []).flatMap((rule) => delegateKey(rule, object) ?? []))]
}

function delegateKey({ delegate }: IstioHttpRoute, object: VirtualService): string | undefined {
  return delegate && `${delegate.namespace || namespaceOf(object)}/${delegate.name ?? ''}`
}

/**
 * The rules of a VirtualService with those of its delegates in their places.
 * @param context finds among all VirtualServices, by `<namespace>/<name>`
 * @param problems a delegate, or a rule of one, that is not used is added to it
 * @see Istio, Delegate: one level; what a delegate's rule matches must be part of what the root's rule matches
 */
export function rulesOf(
  object: VirtualService,
  context: {
    readonly virtualService: (key: string) => VirtualService | undefined
    readonly exportDefault: readonly string[] | undefined
  },
  problems: string[],
): readonly PlacedRule[] {
  const namespace = namespaceOf(object)
  return (object.spec.http ?? []).flatMap((rule, index): readonly PlacedRule[] => {
    const path = `spec.http[${index}]`
    const key = delegateKey(rule, object)
    if (key === undefined) return [{ rule, namespace, path, index, part: undefined }]
    if (rule.route !== undefined || rule.redirect !== undefined || rule.directResponse !== undefined) {
      problems.push(`${path} has a delegate, so that its own route, redirect or directResponse is not used`)
    }
    const delegate = context.virtualService(key)
    const refusal = refusalOf(delegate, namespace, context.exportDefault)
    if (delegate === undefined || refusal !== undefined) {
      problems.push(`${path}.delegate ${key} ${refusal}; the rule is left out`)
      return []
    }
    return (delegate.spec.http ?? []).flatMap((leaf, part): readonly PlacedRule[] => {
      const at = `${path}.delegate ${key}: spec.http[${part}]`
      const merged = mergeRules(rule, leaf)
      if (typeof merged !== 'string') {
        return [{ rule: merged, namespace: namespaceOf(delegate), path: at, index, part }]
      }
      problems.push(`${at} ${merged}; it is left out`)
      return []
    })
  })
}

function refusalOf(
  delegate: VirtualService | undefined,
  rootNamespace: string,
  exportDefault: readonly string[] | undefined,
): string | undefined {
  if (delegate === undefined) return 'does not exist'
  if ((delegate.spec.hosts ?? []).length > 0) return 'has hosts of its own, so that it is no delegate'
  if ((delegate.spec.gateways ?? []).length > 0) return 'has gateways, which a delegate must not have'
  const visibility = visibilityOf(delegate.spec.exportTo, namespaceOf(delegate), exportDefault)
  return isVisible(visibility, rootNamespace) ? undefined : `is not exported to namespace ${rootNamespace}`
}

/** @returns why the delegate's rule cannot be used, where it cannot */
function mergeRules(root: IstioHttpRoute, leaf: IstioHttpRoute): IstioHttpRoute | string {
  if (leaf.delegate !== undefined) return 'has a delegate itself: only one level is possible'
  const match = mergeAlternatives(root.match ?? [], leaf.match ?? [])
  if (match === undefined) return "matches what the root's rule does not"
  const { delegate: _delegate, route: _route, redirect: _redirect, directResponse: _answer, ...given } = root
  const name = joinNames(root.name, leaf.name)
  return { ...given, ...leaf, ...(name === undefined ? {} : { name }), match }
}

function joinNames(root: string | undefined, leaf: string | undefined): string | undefined {
  return [root, leaf].filter((name) => name !== undefined && name !== '').join('-') || undefined
}

/** @returns undefined when some alternative of the delegate has no alternative of the root that holds wherever it does */
function mergeAlternatives(
  root: readonly IstioHttpMatch[],
  leaf: readonly IstioHttpMatch[],
): readonly IstioHttpMatch[] | undefined {
  if (root.length === 0) return leaf
  if (leaf.length === 0) return root
  const merged = leaf.map((inner) =>
    root.filter((outer) => covers(outer, inner)).map((outer) => mergeMatches(outer, inner)),
  )
  return merged.every((one) => one.length > 0) ? merged.flat() : undefined
}

function mergeMatches(root: IstioHttpMatch, leaf: IstioHttpMatch): IstioHttpMatch {
  const name = joinNames(root.name, leaf.name)
  return {
    ...root,
    ...leaf,
    ...(name === undefined ? {} : { name }),
    ...both('headers', root, leaf),
    ...both('withoutHeaders', root, leaf),
    ...both('queryParams', root, leaf),
    ...both('sourceLabels', root, leaf),
  }
}

function both<K extends 'headers' | 'withoutHeaders' | 'queryParams' | 'sourceLabels'>(
  member: K,
  root: IstioHttpMatch,
  leaf: IstioHttpMatch,
): Partial<Pick<IstioHttpMatch, K>> {
  const outer = root[member]
  const inner = leaf[member]
  return outer === undefined && inner === undefined
    ? {}
    : ({ [member]: { ...outer, ...inner } } as Partial<Pick<IstioHttpMatch, K>>)
}

const TEXTS = ['uri', 'scheme', 'method', 'authority'] as const
const MAPS = ['headers', 'withoutHeaders', 'queryParams'] as const

function covers(root: IstioHttpMatch, leaf: IstioHttpMatch): boolean {
  return (
    TEXTS.every((member) => coversText(root[member], leaf[member])) &&
    MAPS.every((member) =>
      Object.entries(leaf[member] ?? {}).every(([key, value]) => coversText(root[member]?.[key], value)),
    ) &&
    Object.entries(leaf.sourceLabels ?? {}).every(
      ([key, value]) => (root.sourceLabels?.[key] ?? value) === value,
    ) &&
    (root.ignoreUriCase ?? false) === (leaf.ignoreUriCase ?? false) &&
    isSame(root.port, leaf.port) &&
    isSame(root.sourceNamespace, leaf.sourceNamespace) &&
    (leaf.gateways ?? []).every((one) => (root.gateways ?? [one]).includes(one))
  )
}

function isSame(root: number | string | undefined, leaf: number | string | undefined): boolean {
  return root === undefined || leaf === undefined || root === leaf
}

/** What one says alone holds for both. Nobody can tell whether one expression is part of another. */
function coversText(root: IstioStringMatch | undefined, leaf: IstioStringMatch | undefined): boolean {
  if (root === undefined || leaf === undefined) return true
  if (root.regex !== undefined || leaf.regex !== undefined) return false
  if (root.exact !== undefined) return leaf.exact === root.exact
  const wanted = leaf.exact ?? leaf.prefix
  return root.prefix !== undefined && wanted !== undefined && wanted.startsWith(root.prefix)
}
