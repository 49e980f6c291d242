import type { StoredObject } from '../../store/index.ts'
import type { ServerContext } from '../context.ts'
import type { ResourceRequest } from '../resource-request.ts'
import type { JsonObject } from '../json.ts'
import { createShaper } from '../output.ts'
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
  return {
    kind: 'object',
    status: 200,
    object: shaper.list(
      cut.items.map(({ object }) => object),
      metadata,
    ),
    contentType: shaper.contentType,
  }
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
  const rest =
    after === undefined
      ? objects
      : objects.filter((stored) => comparePositions(positionOf(stored), after) > 0)
  const selected = rest.filter(({ object }) => selection.matches(object))
  const items = limit === 0 ? selected : selected.slice(0, limit)
  const last = items.at(-1)
  const next = selected.length > items.length && last ? positionOf(last) : undefined
  return { items, next, remaining: selected.length - items.length }
}

/** U+0000 keeps the order of (namespace, name): no name holds it. */
function positionOf({ object }: StoredObject): string {
  return `${object.metadata.namespace ?? ''}\0${object.metadata.name}`
}

function comparePositions(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
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
