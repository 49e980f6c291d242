import type { CompiledMatch } from './compile.ts'
import type { Subject } from './condition.ts'
import { bestOf, createMatchList, insertMatch, type MatchList, removeMatch } from './match-list.ts'
import { literalPrefix } from './regex.ts'

/**
 * Finds the lists of matches whose path condition a path meets: one look for exact paths, one per segment, one per
 * length of a string prefix that occurs, the one that a regular expression begins with too. So 5,000 routes cost about as much as one.
 */
export interface PathIndex {
  // Most hosts have one route: each of these is made when it is needed.
  exact: Lists | undefined
  exactFolded: Lists | undefined
  segments: Lists | undefined
  prefixes: Texts | undefined
  prefixesFolded: Texts | undefined
  /** Regular expressions by what each of their texts begins with; of those, nothing but trying tells. */
  expressions: Texts | undefined
}

/** Lists by text. One is kept without a map, which would be larger than it. */
interface Lists {
  key: string
  list: MatchList | undefined
  more: Map<string, MatchList> | undefined
}

export function createPathIndex(): PathIndex {
  return {
    exact: undefined,
    exactFolded: undefined,
    segments: undefined,
    prefixes: undefined,
    prefixesFolded: undefined,
    expressions: undefined,
  }
}

export function insertIntoIndex(index: PathIndex, match: CompiledMatch): void {
  change(index, match, 'insert')
}

export function removeFromIndex(index: PathIndex, match: CompiledMatch): void {
  change(index, match, 'remove')
}

function change(index: PathIndex, match: CompiledMatch, operation: 'insert' | 'remove'): void {
  const { path } = match.source
  if (path === undefined) changeLists((index.segments ??= createLists()), operation, '', match)
  else if (path.kind === 'segment-prefix')
    changeLists((index.segments ??= createLists()), operation, path.value, match)
  else if (path.kind === 'regex') {
    const prefix = path.ignoreCase === true ? '' : literalPrefix(path.value)
    ;(index.expressions ??= createTexts())[operation](prefix, match)
  } else if (path.kind === 'exact') {
    if (path.ignoreCase === true)
      changeLists((index.exactFolded ??= createLists()), operation, path.value.toLowerCase(), match)
    else changeLists((index.exact ??= createLists()), operation, path.value, match)
  } else if (path.ignoreCase === true)
    (index.prefixesFolded ??= createTexts())[operation](path.value.toLowerCase(), match)
  else (index.prefixes ??= createTexts())[operation](path.value, match)
}

export function bestInIndex(index: PathIndex, subject: Subject): CompiledMatch | undefined {
  const { exact, segments, prefixes, exactFolded, prefixesFolded, expressions } = index
  const { path } = subject
  let found = exact === undefined ? undefined : bestAt(exact, path, subject, undefined)
  if (segments !== undefined) found = bestSegment(segments, subject, found)
  if (prefixes !== undefined) found = bestPrefix(prefixes, path, subject, found, true)
  if (exactFolded !== undefined) found = bestAt(exactFolded, path.toLowerCase(), subject, found)
  if (prefixesFolded !== undefined)
    found = bestPrefix(prefixesFolded, path.toLowerCase(), subject, found, true)
  return expressions === undefined ? found : bestPrefix(expressions, path, subject, found, false)
}

function createLists(): Lists {
  return { key: '', list: undefined, more: undefined }
}

function listAt(lists: Lists, key: string): MatchList | undefined {
  if (lists.list !== undefined && lists.key === key) return lists.list
  return lists.more?.get(key)
}

/** @returns whether there is a list for the key now that was not there, or none any more */
function changeLists(
  lists: Lists,
  operation: 'insert' | 'remove',
  key: string,
  match: CompiledMatch,
): boolean {
  const list = listAt(lists, key)
  if (operation === 'remove') {
    if (list === undefined) return false
    removeMatch(list, match)
    if (list.items.length > 0) return false
    if (list === lists.list) lists.list = undefined
    else lists.more?.delete(key)
    return true
  }
  if (list !== undefined) {
    insertMatch(list, match)
    return false
  }
  const created = createMatchList(match)
  if (lists.list === undefined) {
    lists.key = key
    lists.list = created
  } else (lists.more ??= new Map()).set(key, created)
  return true
}

function bestAt(
  lists: Lists,
  key: string,
  subject: Subject,
  best: CompiledMatch | undefined,
): CompiledMatch | undefined {
  const list = listAt(lists, key)
  return list === undefined ? best : bestOf(list, subject, best, true)
}

/** From the whole path up, cutting one segment at a time; `` stands for every path. */
function bestSegment(
  lists: Lists,
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
    const list = listAt(prefixes.lists, path.slice(0, length))
    if (list !== undefined) found = bestOf(list, subject, found, pathKnown)
  }
  return found
}

/** Lists by text, and the lengths that the texts have. */
interface Texts {
  readonly lists: Lists
  readonly lengths: () => readonly number[]
  readonly insert: (key: string, match: CompiledMatch) => void
  readonly remove: (key: string, match: CompiledMatch) => void
}

function createTexts(): Texts {
  const lists = createLists()
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
