import { randomUUID } from 'node:crypto'
import type { DefaultObject } from './auth/default-roles.ts'
import type { ServerContext } from './context.ts'
import { formatTime, sameJson, withMembers } from './json.ts'

/** Makes an object where it is missing. */
export async function ensureObject(
  { store, clock }: ServerContext,
  { collection, namespace, object }: DefaultObject,
): Promise<void> {
  const key = { collection, namespace, name: object.metadata.name }
  if (store.get(key)) return
  const metadata = {
    ...object.metadata,
    ...(namespace === '' ? {} : { namespace }),
    uid: randomUUID(),
    creationTimestamp: formatTime(clock.now()),
  }
  await store.write({ kind: 'put', key, object: { ...object, metadata }, expect: 0 })
}

/** Gives an object the content that it has to have; its metadata stay. */
export async function renewObject(
  { store }: ServerContext,
  { collection, namespace, object }: DefaultObject,
): Promise<void> {
  const key = { collection, namespace, name: object.metadata.name }
  const current = store.get(key)
  if (!current) return
  const renewed = withMembers(object, { metadata: current.object.metadata })
  if (!sameJson(renewed, current.object)) {
    await store.write({ kind: 'put', key, object: renewed, expect: current.revision })
  }
}
