import {
  type Document,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
} from 'yaml'
import { fail, messageOf, ok, type Result } from '../base/index.ts'
import type { KubeObject } from './object.ts'

/** A place in a text, both counted from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** An object as somebody wrote it into a file. */
export interface Manifest extends Position {
  readonly object: KubeObject
  /** Where a field stands (`spec.rules[0].matches`), or the nearest thing around it that is there. */
  readonly locate: (path: string) => Position
}

export interface ManifestProblem extends Position {
  readonly message: string
  /** It was not meant for Kubernetes: no error where a folder holds other things too. */
  readonly foreign?: true
}

export interface ParsedManifests {
  readonly manifests: readonly Manifest[]
  readonly problems: readonly ManifestProblem[]
}

/** A file with more documents than this is no configuration. */
const DOCUMENTS_MAX = 100_000
/** How often an anchor may be used: enough for people, too little for a text that unfolds to gigabytes. */
const ALIASES_MAX = 100

/** Reads Kubernetes objects out of YAML (or JSON, which is YAML): several documents, and members of Lists. */
export function parseManifests(text: string): ParsedManifests {
  const lines = new LineCounter()
  const manifests: Manifest[] = []
  const problems: ManifestProblem[] = []
  const positionOf = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line, column: col }
  }
  const documents = parseAllDocuments(text, { lineCounter: lines, logLevel: 'error', uniqueKeys: true })
  for (const document of [...documents].slice(0, DOCUMENTS_MAX)) {
    const [error] = document.errors
    if (error) {
      problems.push({ ...positionOf(error.pos[0]), message: error.message.split('\n')[0] ?? 'bad YAML' })
      continue
    }
    const root = document.contents
    if (root === null || (isScalar(root) && root.value === null)) continue // nothing between two separators
    const read = valueOf(document)
    if (!read.ok) {
      problems.push({ ...positionOf(root.range?.[0] ?? 0), message: read.error })
      continue
    }
    for (const { node, value } of membersOf(root, read.value)) {
      const at = positionOf(node.range?.[0] ?? 0)
      if (isKubeObject(value)) {
        manifests.push({ object: value, ...at, locate: (path) => positionOf(offsetOf(node, path)) })
      } else {
        const message = 'not a Kubernetes object: apiVersion, kind and metadata.name are required'
        problems.push({ ...at, message, ...(isForeign(value) && { foreign: true }) })
      }
    }
  }
  return { manifests, problems }
}

/** Aliases that name nothing, or that unfold to more than their text, show only here. */
function valueOf(document: Document.Parsed): Result<unknown, string> {
  try {
    return ok(document.toJS({ maxAliasCount: ALIASES_MAX }))
  } catch (error) {
    return fail(messageOf(error))
  }
}

/** A List stands for its items. */
function membersOf(root: Node, value: unknown): readonly { readonly node: Node; readonly value: unknown }[] {
  if (!isMap(root) || !isRecord(value) || value['kind'] !== 'List' || !Array.isArray(value['items'])) {
    return [{ node: root, value }]
  }
  const items = root.get('items', true)
  const nodes = isSeq(items) ? items.items : []
  return value['items'].map((item: unknown, index) => {
    const node = nodes[index]
    return { node: isNode(node) ? node : root, value: item }
  })
}

function isKubeObject(value: unknown): value is KubeObject {
  if (!isRecord(value)) return false
  const { apiVersion, kind, metadata } = value
  return (
    typeof apiVersion === 'string' &&
    typeof kind === 'string' &&
    isRecord(metadata) &&
    typeof metadata['name'] === 'string'
  )
}

/** What else lies about in folders of manifests: settings of other programs, and of kustomize. */
function isForeign(value: unknown): boolean {
  if (!isRecord(value)) return false
  if (typeof value['apiVersion'] === 'string' && value['apiVersion'].startsWith('kustomize.config.k8s.io/'))
    return true
  return value['apiVersion'] === undefined && value['kind'] === undefined
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Members of a path: `spec.rules[0].matches[1]`, `metadata.labels[a.b/c]`, `data[key]`. */
function segmentsOf(path: string): readonly string[] {
  return [...path.matchAll(/\[([^\]]*)\]|[^.[\]]+/g)].map(([whole, inner]) => inner ?? whole)
}

/** The offset of the innermost node on the way that is there: of its key where it has one. */
function offsetOf(root: Node, path: string): number {
  let node: Node = root
  let offset = root.range?.[0] ?? 0
  for (const segment of segmentsOf(path)) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === segment)
      if (pair === undefined) break
      if (isNode(pair.key)) offset = pair.key.range?.[0] ?? offset
      if (!isNode(pair.value)) break
      node = pair.value
    } else if (isSeq(node)) {
      const item = node.items[Number(segment)]
      if (!isNode(item)) break
      node = item
      offset = node.range?.[0] ?? offset
    } else break
  }
  return offset
}
