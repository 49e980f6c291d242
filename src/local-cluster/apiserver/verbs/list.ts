import { type KubeObject, scanJson } from '../../../kube/index.ts'
import type { StoredObject } from '../../store/index.ts'
import type { ServerContext } from '../context.ts'
import type { ResourceRequest } from '../resource-request.ts'
import { isObject, type JsonObject } from '../json.ts'
import { type ListOptions, readListOptions, revisionOf } from '../list-options.ts'
import { listPieces } from '../list-text.ts'
import { createShaper } from '../output.ts'
import type { ApiResponse } from '../request.ts'
import { parseSelection, type Selection } from '../selection.ts'
import { badRequest, expired, futureRevision } from '../status-error.ts'

export function handleList(context: ServerContext, asked: ResourceRequest): ApiResponse {
  const shaper = createShaper(context, asked)
  const { query } = asked.request
  const selection = parseSelection(asked.resource, query)
  const page = readPage(readListOptions(query, false))
  const { objects, revision } = listAtRevision(context, asked, page)
  const cut = cutPage(objects, selection, page)
  const metadata: JsonObject = {
    resourceVersion: String(revision),
    ...(cut.next
      ? {
          continue: encodeContinue({ revision, after: cut.next }),
          ...(selection.isEverything ? { remainingItemCount: cut.remaining } : {}),
        }
      : {}),
  }
  const selected = cut.items.map(({ object }) => object)
  const { shareKey, contentType } = shaper
  // Where an item of the list is made of one object alone, its text may be there already.
  if (shareKey === undefined || contentType !== 'application/json' || asked.request.isLocal)
    return { kind: 'object', status: 200, object: shaper.list(selected, metadata), contentType }
  const textOf = (index: number) => {
    const object = selected[index] as KubeObject
    return context.objectTexts.textOf(object, shareKey, () => shaper.item(object))
  }
  const pieces = listPieces(shaper.list([], metadata), selected.length, textOf)
  return { kind: 'pieces', status: 200, pieces, contentType }
}

/** Which part of a collection is asked for. */
export interface Page {
  /** 0 is no limit */
  readonly limit: number
  readonly revision: number | undefined
  readonly exact: boolean
  /** the last key of the page before */
  readonly after: string | undefined
}

export function readPage(options: ListOptions): Page {
  const { limit, match } = options
  const revision = revisionOf(options.resourceVersion, 'list')
  if (options.continue === '') {
    // A page of a certain revision is that revision, as Kubernetes has it for clients older than `Exact`.
    const exact = match === 'Exact' || (match === '' && limit > 0 && revision !== undefined)
    return { limit, revision, exact, after: undefined }
  }
  if (revision !== undefined)
    throw badRequest('specifying resource version is not allowed when using continue')
  const decoded = decodeContinue(options.continue)
  return { limit, revision: decoded.revision, exact: true, after: decoded.after }
}

/** @throws StatusError 410 for a revision that is compacted, 504 for one that is yet to come */
export function listAtRevision(
  context: ServerContext,
  { resource, path }: ResourceRequest,
  page: Page,
): { readonly objects: readonly StoredObject[]; readonly revision: number } {
  const namespace = path.namespace === '' ? {} : { namespace: path.namespace }
  const collection = { collection: resource.collection, ...namespace }
  if (page.revision !== undefined && page.revision > context.store.revision()) {
    throw futureRevision(page.revision, context.store.revision())
  }
  const atRevision = page.exact && page.revision !== undefined ? { atRevision: page.revision } : {}
  const listed = context.store.list({ ...collection, ...atRevision })
  switch (listed.kind) {
    case 'listed':
      return listed
    case 'future':
      throw futureRevision(page.revision ?? 0, listed.revision)
    case 'compacted':
      throw expired(
        page.after === undefined
          ? `The resourceVersion for the provided list is too old.`
          : 'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.',
      )
  }
}

export interface Cut {
  readonly items: readonly StoredObject[]
  readonly next: string | undefined
  readonly remaining: number
}

/** Objects come in key order, so a page ends at a key and the next begins after it. */
export function cutPage(objects: readonly StoredObject[], selection: Selection, page: Page): Cut {
  const { after, limit } = page
  if (selection.isEverything && after === undefined && limit === 0) {
    return { items: objects, next: undefined, remaining: 0 }
  }
  const rest = after === undefined ? objects : objects.slice(countUpTo(objects, after))
  const selected = selection.isEverything ? rest : rest.filter(({ object }) => selection.matches(object))
  const items = limit === 0 ? selected : selected.slice(0, limit)
  const last = items.at(-1)
  const next = selected.length > items.length && last ? positionOf(last) : undefined
  return { items, next, remaining: selected.length - items.length }
}

/** How many of the objects, which are in order, are not after a position. */
function countUpTo(objects: readonly StoredObject[], position: string): number {
  let low = 0
  let high = objects.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const isAfter = positionOf(objects[middle] as StoredObject) > position
    if (isAfter) high = middle
    else low = middle + 1
  }
  return low
}

/** U+0000 keeps the order of (namespace, name): no name holds it. */
function positionOf({ key }: StoredObject): string {
  return `${key.namespace}\0${key.name}`
}

export function encodeContinue(token: { readonly revision: number; readonly after: string }): string {
  return Buffer.from(
    JSON.stringify({ v: 'meta.k8s.io/v1', rv: token.revision, start: token.after }),
  ).toString('base64url')
}

function decodeContinue(text: string): { readonly revision: number; readonly after: string } {
  const refuse = (why: string) => badRequest(`invalid continue token: continue key is not valid: ${why}`)
  // Go decodes no text with a character that is none of the alphabet, and says where the first is.
  const wrong = /[^A-Za-z0-9_-]/.exec(text.replace(/=+$/, ''))
  if (wrong) throw refuse(`illegal base64 data at input byte ${wrong.index}`)
  const decoded = Buffer.from(text, 'base64url').toString('latin1')
  // Bytes are characters here, as they are where Go names one.
  const { error } = scanJson(decoded)
  if (error !== undefined) throw refuse(error)
  const token: unknown = JSON.parse(Buffer.from(decoded, 'latin1').toString('utf8'))
  const { rv, start } = isObject(token) ? token : {}
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv <= 0)
    throw refuse('incorrect encoded start resourceVersion')
  if (typeof start !== 'string' || start === '') throw refuse('encoded start key empty')
  return { revision: rv, after: start }
}
