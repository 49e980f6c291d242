import { type KubeObject, withZeroForm } from '../../../kube/index.ts'
import { formatTime, isObject, withMeta } from '../json.ts'
import type { ApiRequest } from '../request.ts'
import type { ServedResource } from '../resources.ts'
import { compareFields, isEmptySet, unionOf, withoutFields } from './field-set.ts'
import {
  capUpdaters,
  entriesOf,
  entryOf,
  isOf,
  type ManagedEntry,
  ownableOf,
  parseEntries,
  schemaWithMetadata,
  sortEntries,
  withoutEmpty,
  type Writer,
} from './managed-entry.ts'

export interface TrackedWrite {
  readonly resource: ServedResource
  /** undefined for a creation */
  readonly current: KubeObject | undefined
  readonly next: KubeObject
  readonly manager: string
  readonly subresource: string
  readonly nowMs: number
}

/** Records who set the fields that a write other than an apply changed: the writer has them now, and nobody else. */
export function trackUpdate(write: TrackedWrite): KubeObject {
  const { resource, current, next, subresource } = write
  const before = baseEntries(write)
  const { changed, removed } = compareFields(
    withZeroForm(current ? ownableOf(current) : { metadata: {} }, resource.info),
    withZeroForm(ownableOf(next), resource.info),
    schemaWithMetadata(resource.applySchema()),
  )
  if (isEmptySet(changed) && isEmptySet(removed)) return withEntries(next, before)
  const writer: Writer = {
    manager: write.manager,
    operation: 'Update',
    apiVersion: resource.apiVersion,
    subresource,
  }
  const gone = unionOf(changed, removed)
  const others = before.map((entry) => (isOf(entry, writer) ? entry : without(entry, gone)))
  const mine = others.find((entry) => isOf(entry, writer))
  const fields = unionOf(withoutFields(mine?.fieldsV1 ?? {}, removed), changed)
  // Kubernetes' own code for scaling forgets the time.
  const isTimed = subresource !== 'scale' && !(isEmptySet(changed) && mine)
  const time = isTimed ? formatTime(write.nowMs) : mine?.time
  const entries = [...others.filter((entry) => entry !== mine), entryOf(writer, fields, time)]
  return withEntries(next, sortEntries(capUpdaters(withoutEmpty(entries))))
}

function without(entry: ManagedEntry, gone: Parameters<typeof withoutFields>[1]): ManagedEntry {
  const fieldsV1 = withoutFields(entry.fieldsV1, gone)
  return fieldsV1 === entry.fieldsV1 ? entry : { ...entry, fieldsV1 }
}

/** A client may edit the entries themselves, or forget them all with `[{}]`; what it does not know stays. */
function baseEntries({ current, next, subresource }: TrackedWrite): readonly ManagedEntry[] {
  const live = current ? entriesOf(current) : []
  const sent: unknown = next.metadata.managedFields
  if (subresource !== '' || !Array.isArray(sent) || sent === current?.metadata.managedFields) return live
  const [only] = sent as readonly unknown[]
  if (sent.length === 1 && isObject(only) && Object.keys(only).length === 0) return []
  const parsed = parseEntries(sent)
  return parsed === undefined || parsed.length === 0 ? live : parsed
}

function withEntries(object: KubeObject, entries: readonly ManagedEntry[]): KubeObject {
  return withMeta(object, { managedFields: entries.length === 0 ? undefined : entries })
}

const MANAGER_MAX = 128

/** The name that a write is recorded under: what the client says, or what its user agent begins with. */
export function managerOf(request: ApiRequest): string {
  const named = request.query.get('fieldManager') ?? ''
  if (named !== '') return named
  const agent = request.header('user-agent')
  // Clients of ours send no user agent; the last part of the user's name says which one it is.
  const name =
    agent === undefined && request.isLocal ? request.user.name.split(':').at(-1) : agent?.split('/', 1)[0]
  return (name ?? '').slice(0, MANAGER_MAX) || 'unknown'
}
