import type { KubeObject, PodTemplateSpec } from '../../kube/index.ts'
import { isAlreadyExists, type KindRef, type KubeClient } from '../../kube/client/index.ts'
import { claim, ignoreOvertaken } from './claim.ts'
import { controllerOf, controllerReference, orphansOf } from './pods.ts'
import type { ObjectIndex } from './shared-informers.ts'
import { isSameTemplate, templateHash } from './template-hash.ts'

export const CONTROLLER_REVISION: KindRef = {
  group: 'apps',
  version: 'v1',
  plural: 'controllerrevisions',
  kind: 'ControllerRevision',
  namespaced: true,
}

/** Which revision a pod was made from (a StatefulSet writes the revision's name, a DaemonSet its hash). */
export const REVISION_LABEL = 'controller-revision-hash'
const HASH_LABEL = 'controller.kubernetes.io/hash'

/** A template that a StatefulSet or DaemonSet has or had, as a strategic merge patch of it: `kubectl rollout undo` applies it. */
export interface ControllerRevision extends KubeObject {
  readonly apiVersion: 'apps/v1'
  readonly kind: 'ControllerRevision'
  readonly data: {
    readonly spec: { readonly template: PodTemplateSpec & { readonly $patch: 'replace' } }
  }
  readonly revision: number
}

/** An owner whose pods go from one revision to the next. */
export interface RevisedOwner extends KubeObject {
  readonly spec: { readonly template: PodTemplateSpec; readonly revisionHistoryLimit?: number }
}

export interface History {
  /** Of the template that the owner has now. */
  readonly update: ControllerRevision
  /** All of them, in the order of their numbers. */
  readonly all: readonly ControllerRevision[]
}

export function templateOf(revision: ControllerRevision): PodTemplateSpec {
  const { metadata, spec } = revision.data.spec.template
  return { ...(metadata ? { metadata } : {}), spec }
}

export function revisionHash(revision: ControllerRevision): string {
  return revision.metadata.labels?.[HASH_LABEL] ?? ''
}

/** @throws when the name of a new revision is taken by another template `collisions` times in a row */
export async function syncHistory(options: {
  readonly client: KubeClient
  readonly owner: RevisedOwner
  readonly ownerKind: KindRef
  readonly byController: ObjectIndex<ControllerRevision>
  readonly selects: (object: KubeObject) => boolean
}): Promise<History> {
  const { client, owner, ownerKind, byController, selects } = options
  const claimed = await claim<ControllerRevision>({
    client,
    owner,
    ownerKind,
    kind: CONTROLLER_REVISION,
    owned: byController.lookup(owner.metadata.uid ?? ''),
    orphans: byController.lookup(orphansOf(owner.metadata.namespace)),
    selects,
  })
  const sorted = [...claimed].sort(byRevision)
  const highest = sorted.at(-1)?.revision ?? 0
  const same = sorted.findLast((one) => isSameTemplate(templateOf(one), owner.spec.template))
  if (same && same.revision === highest) return { update: same, all: sorted }
  const update = same
    ? await renumber(client, same, highest + 1)
    : await createRevision(client, owner, highest + 1)
  const others = sorted.filter((one) => one.metadata.uid !== update.metadata.uid)
  return { update, all: [...others, update] }
}

/** Going back to an old template makes its revision the newest. */
function renumber(
  client: KubeClient,
  revision: ControllerRevision,
  number: number,
): Promise<ControllerRevision> {
  const { name, namespace, resourceVersion } = revision.metadata
  const patch = { metadata: { resourceVersion }, revision: number }
  return client.patch<ControllerRevision>(CONTROLLER_REVISION, name, namespace, patch, { type: 'merge' })
}

const COLLISIONS_MAX = 5

async function createRevision(
  client: KubeClient,
  owner: RevisedOwner,
  revision: number,
): Promise<ControllerRevision> {
  for (let collisions = 0; ; collisions++) {
    const wanted = revisionFrom(owner, revision, collisions)
    try {
      return await client.create<ControllerRevision>(CONTROLLER_REVISION, wanted)
    } catch (error) {
      if (!isAlreadyExists(error) || collisions === COLLISIONS_MAX) throw error
      const { name, namespace } = wanted.metadata
      const there = await client.get<ControllerRevision>(CONTROLLER_REVISION, name, namespace)
      const isOurs = there && controllerOf(there)?.uid === owner.metadata.uid
      if (isOurs && isSameTemplate(templateOf(there), owner.spec.template)) return there
    }
  }
}

function revisionFrom(owner: RevisedOwner, revision: number, collisions: number): ControllerRevision {
  const { namespace, name, annotations } = owner.metadata
  const { template } = owner.spec
  const hash = templateHash(template, collisions)
  const cause = annotations?.['kubernetes.io/change-cause']
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...template.metadata?.labels, [HASH_LABEL]: hash },
      ...(cause === undefined ? {} : { annotations: { 'kubernetes.io/change-cause': cause } }),
      ownerReferences: [controllerReference(owner)],
    },
    data: { spec: { template: { ...template, $patch: 'replace' } } },
    revision,
  }
}

/** Removes what is beyond the owner's limit, the oldest first, but nothing that is in use. */
export async function truncateHistory(
  client: KubeClient,
  owner: RevisedOwner,
  history: History,
  isUsed: (revision: ControllerRevision) => boolean,
): Promise<void> {
  const idle = history.all.filter((one) => one !== history.update && !isUsed(one))
  const surplus = idle.length - (owner.spec.revisionHistoryLimit ?? 10)
  for (const { metadata } of idle.slice(0, Math.max(0, surplus))) {
    await client
      .delete(CONTROLLER_REVISION, metadata.name, metadata.namespace, { uid: metadata.uid ?? '' })
      .catch(ignoreOvertaken)
  }
}

function byRevision(a: ControllerRevision, b: ControllerRevision): number {
  return a.revision - b.revision || (a.metadata.name < b.metadata.name ? -1 : 1)
}
