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
  const exact = createTexts()
  const exactFolded = createTexts()
  const segments = createTexts()
  const prefixes = createTexts()
  const prefixesFolded = createTexts()
  /** Regular expressions by what each of their texts begins with; of those, nothing but trying tells. */
  const expressions = createTexts()
  let size = 0

  function change(match: CompiledMatch, operation: 'insert' | 'remove'): void {
    size += operation === 'insert' ? 1 : -1
    const { path } = match.source
    if (path === undefined) segments[operation]('', match)
    else if (path.kind === 'segment-prefix') segments[operation](path.value, match)
    else if (path.kind === 'regex')
      expressions[operation](path.ignoreCase === true ? '' : literalPrefix(path.value), match)
    else if (path.kind === 'exact') {
      if (path.ignoreCase === true) exactFolded[operation](path.value.toLowerCase(), match)
      else exact[operation](path.value, match)
    } else if (path.ignoreCase === true) prefixesFolded[operation](path.value.toLowerCase(), match)
    else prefixes[operation](path.value, match)
  }

  function best(subject: Subject): CompiledMatch | undefined {
    const { path } = subject
    let found = bestAt(exact.lists, path, subject, undefined)
    if (segments.lists.size > 0) found = bestSegment(segments.lists, subject, found)
    if (prefixes.lists.size > 0) found = bestPrefix(prefixes, path, subject, found, true)
    if (exactFolded.lists.size > 0 || prefixesFolded.lists.size > 0) {
      const folded = path.toLowerCase()
      found = bestAt(exactFolded.lists, folded, subject, found)
      found = bestPrefix(prefixesFolded, folded, subject, found, true)
    }
    return expressions.lists.size > 0 ? bestPrefix(expressions, path, subject, found, false) : found
  }

  return {
    insert: (match) => change(match, 'insert'),
    remove: (match) => change(match, 'remove'),
    isEmpty: () => size === 0,
    best,
  }
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
      let list = lists.get(key)
      if (list === undefined) {
        lists.set(key, (list = createMatchList()))
        count(key.length, 1)
      }
      list.insert(match)
    },
    remove(key, match) {
      const list = lists.get(key)
      list?.remove(match)
      if (list?.items.length !== 0) return
      lists.delete(key)
      count(key.length, -1)
    },
  }
}
