import type { CompiledMatch } from './compile.ts'
import type { Subject } from './condition.ts'
import { type MatchList, bestOf, createMatchList } from './match-list.ts'
import { literalPrefix } from './regex.ts'

/**
 * Finds the lists of matches whose path condition a path meets: one look for exact paths, one per segment, one per
 * length of a string prefix that occurs, the one that a regular expression begins with too. So 5,000 routes cost about as much as one.
 */
export interface PathIndex {
  readonly insert: (match: CompiledMatch) => void
  readonly remove: (match: CompiledMatch) => void
  readonly isEmpty: () => boolean
  readonly best: (subject: Subject) => CompiledMatch | undefined
}

type ListMap = Map<string, MatchList>

export function createPathIndex(): PathIndex {
  // Most hosts have one route: each of these is made when it is needed.
  let exact: ListMap | undefined
  let exactFolded: ListMap | undefined
  let segments: ListMap | undefined
  let prefixes: Texts | undefined
  let prefixesFolded: Texts | undefined
  /** Regular expressions by what each of their texts begins with; of those, nothing but trying tells. */
  let expressions: Texts | undefined
  let size = 0

  function change(match: CompiledMatch, operation: 'insert' | 'remove'): void {
    size += operation === 'insert' ? 1 : -1
    const { path } = match.source
    if (path === undefined) changeLists((segments ??= new Map()), operation, '', match)
    else if (path.kind === 'segment-prefix')
      changeLists((segments ??= new Map()), operation, path.value, match)
    else if (path.kind === 'regex') {
      const prefix = path.ignoreCase === true ? '' : literalPrefix(path.value)
      ;(expressions ??= createTexts())[operation](prefix, match)
    } else if (path.kind === 'exact') {
      if (path.ignoreCase === true)
        changeLists((exactFolded ??= new Map()), operation, path.value.toLowerCase(), match)
      else changeLists((exact ??= new Map()), operation, path.value, match)
    } else if (path.ignoreCase === true)
      (prefixesFolded ??= createTexts())[operation](path.value.toLowerCase(), match)
    else (prefixes ??= createTexts())[operation](path.value, match)
  }

  function best(subject: Subject): CompiledMatch | undefined {
    const { path } = subject
    let found = exact === undefined ? undefined : bestAt(exact, path, subject, undefined)
    if (segments !== undefined) found = bestSegment(segments, subject, found)
    if (prefixes !== undefined) found = bestPrefix(prefixes, path, subject, found, true)
    if (exactFolded !== undefined) found = bestAt(exactFolded, path.toLowerCase(), subject, found)
    if (prefixesFolded !== undefined)
      found = bestPrefix(prefixesFolded, path.toLowerCase(), subject, found, true)
    return expressions === undefined ? found : bestPrefix(expressions, path, subject, found, false)
  }

  return {
    insert: (match) => change(match, 'insert'),
    remove: (match) => change(match, 'remove'),
    isEmpty: () => size === 0,
    best,
  }
}

/** @returns whether there is a list for the key now that was not there, or none any more */
function changeLists(
  lists: ListMap,
  operation: 'insert' | 'remove',
  key: string,
  match: CompiledMatch,
): boolean {
  const list = lists.get(key)
  if (operation === 'remove') {
    list?.remove(match)
    return list?.items.length === 0 && lists.delete(key)
  }
  if (list !== undefined) {
    list.insert(match)
    return false
  }
  const created = createMatchList()
  created.insert(match)
  lists.set(key, created)
  return true
}

function bestAt(
  lists: ListMap,
  key: string,
  subject: Subject,
  best: CompiledMatch | undefined,
): CompiledMatch | undefined {
  const list = lists.get(key)
  return list === undefined ? best : bestOf(list, subject, best, true)
}

/** From the whole path up, cutting one segment at a time; `` stands for every path. */
function bestSegment(
  lists: ListMap,
  subject: Subject,
  best: CompiledMatch | undefined,
): CompiledMatch | undefined {
  const { path } = subject
  let found = path === '' ? best : bestAt(lists, path, subject, best)
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    found = bestAt(lists, path.slice(0, end), subject, found)
  }
  return bestAt(lists, '', subject, found)
}

function bestPrefix(
  prefixes: Texts,
  path: string,
  subject: Subject,
  best: CompiledMatch | undefined,
  pathKnown: boolean,
): CompiledMatch | undefined {
  let found = best
  for (const length of prefixes.lengths()) {
    if (length > path.length) continue
    const list = prefixes.lists.get(path.slice(0, length))
    if (list !== undefined) found = bestOf(list, subject, found, pathKnown)
  }
  return found
}

/** Lists by text, and the lengths that the texts have. */
interface Texts {
  readonly lists: ListMap
  readonly lengths: () => readonly number[]
  readonly insert: (key: string, match: CompiledMatch) => void
  readonly remove: (key: string, match: CompiledMatch) => void
}

function createTexts(): Texts {
  const lists: ListMap = new Map()
  const textsOfLength = new Map<number, number>()
  /** Longest first: the likelier winners. */
  let lengths: readonly number[] = []

  function count(length: number, difference: 1 | -1): void {
    const texts = (textsOfLength.get(length) ?? 0) + difference
    if (texts === 0) textsOfLength.delete(length)
    else textsOfLength.set(length, texts)
    if (texts === 0 || (texts === 1 && difference === 1))
      lengths = [...textsOfLength.keys()].sort((a, b) => b - a)
  }
  return {
    lists,
    lengths: () => lengths,
    insert(key, match) {
      if (changeLists(lists, 'insert', key, match)) count(key.length, 1)
    },
    remove(key, match) {
      if (changeLists(lists, 'remove', key, match)) count(key.length, -1)
    },
  }
}
