import { type KubeObject, parseQuantity, type Pod, quantityToNumber } from '../../../kube/index.ts'
import { type Amounts, podAmounts } from '../../quota/index.ts'
import type { Store } from '../../store/index.ts'
import { listAt, stringAt, textsAt } from '../json.ts'
import { forbidden } from '../status-error.ts'
import type { AdmissionRequest } from './types.ts'

/** All items of all LimitRanges of a namespace. */
export function limitItems(store: Store, namespace: string): readonly unknown[] {
  const collection = 'core/limitranges'
  if (store.count(collection) === 0) return []
  const listed = store.list({ collection, namespace })
  return listed.kind === 'listed' ? listed.objects.flatMap(({ object }) => listAt(object.spec, 'limits')) : []
}

/** What something asks for, under the noun that messages have for it. */
interface Asking {
  readonly type: 'Container' | 'Pod' | 'PersistentVolumeClaim'
  readonly requests: Amounts
  /** undefined for what has no limits, so that a maximum is one of requests */
  readonly limits: Amounts | undefined
}

/** @throws StatusError 403 when something asks for less or more than its namespace allows */
export function checkLimitRanges(store: Store, request: AdmissionRequest): void {
  const { object, asked, operation } = request
  if (!object || asked.path.subresource !== '') return
  const isNewPod = asked.resource.collection === 'core/pods' && operation === 'CREATE'
  const isClaim = asked.resource.collection === 'core/persistentvolumeclaims'
  if (!isNewPod && !isClaim) return
  const items = limitItems(store, asked.path.namespace)
  if (items.length === 0) return
  const askings = isClaim ? [askedByClaim(object)] : askedByPod(object as Pod)
  const problems = items.flatMap((item) =>
    askings.flatMap((asking) => (stringAt(item, 'type') === asking.type ? problemsOf(asking, item) : [])),
  )
  if (problems.length === 0) return
  const text = problems.length === 1 ? problems[0] : `[${[...new Set(problems)].join(', ')}]`
  throw forbidden(asked.resource.info, object.metadata.name, text ?? '')
}

function askedByClaim({ spec }: KubeObject): Asking {
  return {
    type: 'PersistentVolumeClaim',
    requests: textsAt(spec, 'resources', 'requests'),
    limits: undefined,
  }
}

function askedByPod({ spec }: Pod): readonly Asking[] {
  const containers = [...spec.containers, ...(spec.initContainers ?? [])].map(({ resources }): Asking => ({
    type: 'Container',
    requests: resources?.requests ?? {},
    limits: resources?.limits ?? {},
  }))
  return [
    ...containers,
    { type: 'Pod', requests: podAmounts(spec, 'requests'), limits: podAmounts(spec, 'limits') },
  ]
}

function problemsOf(asking: Asking, item: unknown): readonly string[] {
  const each = (member: string, check: (asking: Asking, name: string, bound: string) => string | undefined) =>
    Object.entries(textsAt(item, member)).map(([name, bound]) => check(asking, name, bound))
  return [
    ...each('min', problemWithMinimum),
    ...each('max', problemWithMaximum),
    ...each('maxLimitRequestRatio', problemWithRatio),
  ].filter((problem) => problem !== undefined)
}

function problemWithMinimum(asking: Asking, name: string, bound: string): string | undefined {
  const request = asking.requests[name]
  const limit = asking.limits?.[name]
  const start = `minimum ${name} usage per ${asking.type} is ${bound}`
  if (request === undefined) return `${start}.  No request is specified`
  if (amount(request) < amount(bound)) return `${start}, but request is ${request}`
  return limit !== undefined && amount(limit) < amount(bound) ? `${start}, but limit is ${limit}` : undefined
}

function problemWithMaximum(asking: Asking, name: string, bound: string): string | undefined {
  const request = asking.requests[name]
  const limit = asking.limits?.[name]
  const start = `maximum ${name} usage per ${asking.type} is ${bound}`
  if (asking.limits && limit === undefined) return `${start}.  No limit is specified`
  if (!asking.limits && request === undefined) return `${start}.  No request is specified`
  if (limit !== undefined && amount(limit) > amount(bound)) return `${start}, but limit is ${limit}`
  const isTooMuch = request !== undefined && amount(request) > amount(bound)
  return isTooMuch ? `${start}, but request is ${request}` : undefined
}

function problemWithRatio(asking: Asking, name: string, bound: string): string | undefined {
  const request = amount(asking.requests[name] ?? '0')
  const limit = amount(asking.limits?.[name] ?? '0')
  const start = `${name} max limit to request ratio per ${asking.type} is ${bound}`
  if (request === 0) return `${start}, but no request is specified or request is 0`
  if (limit === 0) return `${start}, but no limit is specified or limit is 0`
  const ratio = limit / request
  return ratio > amount(bound) ? `${start}, but provided ratio is ${ratio.toFixed(6)}` : undefined
}

function amount(text: string): number {
  const quantity = parseQuantity(text)
  return quantity ? quantityToNumber(quantity) : 0
}
