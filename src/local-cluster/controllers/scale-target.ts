import {
  type CrossVersionObjectReference,
  type LabelMatcher,
  parseApiVersion,
  parseLabelSelector,
  type Scale,
} from '../../kube/index.ts'
import { type KindRef, KINDS, type KubeClient, pathOf } from '../../kube/client/index.ts'
import type { ApiResources } from './api-resources.ts'

/** Anything with a scale subresource, as it is just now. */
export interface ScaleTarget {
  readonly replicas: number
  /** Selects the target's pods; undefined for one that does not say. */
  readonly pods: LabelMatcher | undefined
  /** Only if nobody has scaled it since it was read. @throws a conflict otherwise */
  readonly scaleTo: (replicas: number) => Promise<void>
}

/** Kinds that need no look at discovery. */
const WELL_KNOWN: readonly KindRef[] = [KINDS.deployment, KINDS.replicaSet, KINDS.statefulSet]

/** @returns why it cannot be scaled as a text, in Kubernetes' words */
export async function findScaleTarget(
  context: { readonly client: KubeClient; readonly resources: ApiResources },
  reference: CrossVersionObjectReference,
  namespace: string | undefined,
): Promise<ScaleTarget | string> {
  const { client } = context
  const kind = await kindOf(context, reference)
  if (!kind) {
    const { group } = parseApiVersion(reference.apiVersion ?? '')
    return `unable to determine resource for scale target reference: no matches for kind "${reference.kind}" in group "${group}"`
  }
  const path = pathOf(kind, { namespace, name: reference.name, subresource: 'scale' })
  const { status, body } = await client.request({ method: 'GET', path })
  const resource = kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`
  if (status === 404) return `${resource} "${reference.name}" not found`
  if (status !== 200)
    return `reading the scale of ${resource} "${reference.name}" was answered with ${status}`
  const scale = body as Scale
  const selector = scale.status?.selector
  const matcher = selector === undefined || selector === '' ? undefined : parseLabelSelector(selector)
  return {
    replicas: scale.spec?.replicas ?? 0,
    pods: matcher?.ok ? matcher.value : undefined,
    async scaleTo(replicas) {
      const next = { ...scale, spec: { ...scale.spec, replicas } }
      const answer = await client.request({ method: 'PUT', path, body: next })
      if (answer.status >= 300)
        throw new Error(`scaling ${resource} "${reference.name}" was answered with ${answer.status}`)
    },
  }
}

async function kindOf(
  { resources }: { readonly resources: ApiResources },
  { kind, apiVersion = '' }: CrossVersionObjectReference,
): Promise<KindRef | undefined> {
  const { group } = parseApiVersion(apiVersion)
  const isMeant = (one: KindRef) => one.kind === kind && (apiVersion === '' || one.group === group)
  return WELL_KNOWN.find(isMeant) ?? (await resources.list()).find(isMeant)
}
