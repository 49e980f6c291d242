import type { KubeObject } from '../../../kube/index.ts'
import type { StoredObject } from '../../store/index.ts'
import type { ServerContext } from '../context.ts'
import type { ResourceRequest } from '../resource-request.ts'
import type { JsonObject } from '../json.ts'
import { listPieces } from '../list-text.ts'
import { createShaper, type Shaper } from '../output.ts'
import type { ApiResponse } from '../request.ts'
import { parseSelection, type Selection } from '../selection.ts'
import { badRequest, expired, futureRevision } from '../status-error.ts'

export function handleList(context: ServerContext, asked: ResourceRequest): ApiResponse {
  const shaper = createShaper(context, asked)
  const { query } = asked.request
  const selection = parseSelection(asked.resource, query)
  const page = readPage(query)
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
  const list = shaper.list(selected, metadata)
  return {
    kind: 'object',
    status: 200,
    object: list,
    ...piecesOf(context, shaper, { selected, list }),
    contentType: shaper.contentType,
  }
}

/** Where an item of the list is made of one object alone, its text may be there already. */
function piecesOf(
  context: ServerContext,
  { shareKey }: Shaper,
  { selected, list }: { readonly selected: readonly KubeObject[]; readonly list: JsonObject },
): { readonly pieces?: () => Iterable<string> } {
  const items = list['items']
  if (shareKey === undefined || !Array.isArray(items)) return {}
  const textOf = (index: number) =>
    context.objectTexts.textOf(selected[index] as KubeObject, shareKey, items[index])
  return { pieces: () => listPieces(list, textOf) }
}

interface Page {
  /** 0 is no limit */
  readonly limit: number
  readonly revision: number | undefined
  readonly exact: boolean
  /** the last key of the page before */
  readonly after: string | undefined
}

function readPage(query: URLSearchParams): Page {
  const limit = readCount(query, 'limit') ?? 0
  const token = query.get('continue') ?? ''
  const revision = readCount(query, 'resourceVersion')
  const match = query.get('resourceVersionMatch')
  if (match !== null && revision === undefined && query.get('sendInitialEvents') === null) {
    throw badRequest('resourceVersionMatch is forbidden unless resourceVersion is provided')
  }
  if (token === '') return { limit, revision, exact: match === 'Exact', after: undefined }
  const decoded = decodeContinue(token)
  return { limit, revision: decoded.revision, exact: true, after: decoded.after }
}

function listAtRevision(
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

interface Cut {
  readonly items: readonly StoredObject[]
  readonly next: string | undefined
  readonly remaining: number
}

/** Objects come in key order, so a page ends at a key and the next begins after it. */
function cutPage(objects: readonly StoredObject[], selection: Selection, page: Page): Cut {
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

function encodeContinue(token: { readonly revision: number; readonly after: string }): string {
  return Buffer.from(
    JSON.stringify({ v: 'meta.k8s.io/v1', rv: token.revision, start: token.after }),
  ).toString('base64url')
}

function decodeContinue(text: string): { readonly revision: number; readonly after: string } {
  try {
    const token: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    const { rv, start } = token as { rv?: unknown; start?: unknown }
    if (typeof rv === 'number' && Number.isSafeInteger(rv) && typeof start === 'string') {
      return { revision: rv, after: start }
    }
  } catch {
    // Falls through to the same answer as for a token of the wrong shape.
  }
  throw badRequest('continue key is not valid: it must be taken unchanged from an earlier answer')
}

/** @returns undefined when absent, empty, or (for a resource version) 0, which all mean "no wish" */
export function readCount(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name) ?? ''
  if (text === '' || text === '0') return undefined
  if (!/^\d{1,15}$/.test(text))
    throw badRequest(`${name}: Invalid value: ${JSON.stringify(text)}: must be a number`)
  return Number(text)
}
