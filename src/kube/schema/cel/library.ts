/** The functions that Kubernetes adds to CEL, as far as values of plain CEL types go: lists, regular expressions, sets. */
import {
  type CelFunc,
  celFunc,
  type CelInput,
  type CelList,
  celMethod,
  CelScalar,
  type CelValue,
  isCelList,
  isCelMap,
  listType,
} from '@bufbuild/cel'
import { strings } from '@bufbuild/cel/ext'
import type { PatternCache } from '../regex.ts'
import { durationFunctions } from './duration.ts'
import { networkFunctions } from './library-network.ts'
import { formatFunctions } from './library-format.ts'
import { optionalFunctions } from './optional.ts'
import { quantityFunctions } from './library-quantity.ts'

const { BOOL, DYN, INT, STRING } = CelScalar
const LIST = listType(DYN)

/** All functions, the standard string extension included. */
export function kubernetesFunctions(patterns: PatternCache): CelFunc[] {
  return [
    ...strings,
    ...listFunctions(),
    ...setFunctions(),
    ...regexFunctions(patterns),
    ...durationFunctions(),
    ...networkFunctions(),
    ...formatFunctions(),
    ...quantityFunctions(),
    ...optionalFunctions(),
  ]
}

function regexFunctions(patterns: PatternCache): CelFunc[] {
  const findAll = (text: string, pattern: string, limit: number): CelInput => {
    const found = patterns.get(pattern)?.findAll(text, limit)
    if (!found) throw new Error(`Illegal regex: ${pattern}`)
    return found
  }
  return [
    // The function form of the method that the library has.
    celFunc('matches', [STRING, STRING], BOOL, (text, pattern) => {
      const compiled = patterns.get(pattern)
      if (!compiled) throw new Error(`Illegal regex: ${pattern}`)
      return compiled.test(text)
    }),
    celMethod('find', STRING, [STRING], STRING, function (pattern) {
      const found = patterns.get(pattern)?.findAll(this, 1)
      if (!found) throw new Error(`Illegal regex: ${pattern}`)
      return found[0] ?? ''
    }),
    celMethod('findAll', STRING, [STRING], LIST, function (pattern) {
      return findAll(this, pattern, Number.MAX_SAFE_INTEGER) as never
    }),
    celMethod('findAll', STRING, [STRING, INT], LIST, function (pattern, limit) {
      return findAll(this, pattern, limit < 0n ? Number.MAX_SAFE_INTEGER : Number(limit)) as never
    }),
  ]
}

function listFunctions(): CelFunc[] {
  return [
    celMethod('isSorted', LIST, [], BOOL, function () {
      const items = [...this]
      return items.every(
        (item, index) => index === 0 || compareValues(items[index - 1] as CelValue, item) <= 0,
      )
    }),
    celMethod('sum', LIST, [], DYN, function () {
      return sumOf([...this])
    }),
    celMethod('min', LIST, [], DYN, function () {
      return extreme(this, 'min', -1)
    }),
    celMethod('max', LIST, [], DYN, function () {
      return extreme(this, 'max', 1)
    }),
    celMethod('indexOf', LIST, [DYN], INT, function (wanted) {
      return BigInt([...this].findIndex((item) => equalValues(item, wanted)))
    }),
    celMethod('lastIndexOf', LIST, [DYN], INT, function (wanted) {
      return BigInt([...this].findLastIndex((item) => equalValues(item, wanted)))
    }),
  ]
}

function setFunctions(): CelFunc[] {
  const containsAll = (list: CelList, wanted: CelList) =>
    [...wanted].every((item) => [...list].some((other) => equalValues(item, other)))
  return [
    celFunc('sets.contains', [LIST, LIST], BOOL, containsAll),
    celFunc('sets.equivalent', [LIST, LIST], BOOL, (a, b) => containsAll(a, b) && containsAll(b, a)),
    celFunc('sets.intersects', [LIST, LIST], BOOL, (a, b) =>
      [...a].some((item) => [...b].some((other) => equalValues(item, other))),
    ),
  ]
}

function extreme(list: CelList, name: string, sign: number): CelValue {
  const [first, ...rest] = [...list]
  if (first === undefined) throw new Error(`${name} called on empty list`)
  return rest.reduce((best, item) => (compareValues(item, best) * sign > 0 ? item : best), first)
}

function sumOf(items: readonly CelValue[]): CelInput {
  const [first] = items
  if (first === undefined) return 0n
  if (typeof first === 'bigint') return items.reduce((sum: bigint, item) => sum + (item as bigint), 0n)
  if (typeof first === 'number') return items.reduce((sum: number, item) => sum + (item as number), 0)
  throw new Error('no such overload: sum')
}

/** Orders two values of one comparable type. @throws for others, as CEL has no such overload */
function compareValues(a: CelValue, b: CelValue): number {
  const isNumber = (value: CelValue) => typeof value === 'bigint' || typeof value === 'number'
  if ((isNumber(a) && isNumber(b)) || typeof a === typeof b) {
    const left = a as string | number
    const right = b as string | number
    if (typeof a !== 'object') return left < right ? -1 : left > right ? 1 : 0
  }
  throw new Error('no such overload: values cannot be compared')
}

/** CEL equality of plain values: ints and doubles by value, lists and maps by content. */
function equalValues(a: CelValue, b: CelValue): boolean {
  if (isCelList(a) && isCelList(b)) {
    return a.size === b.size && [...a].every((item, index) => equalValues(item, b.get(index) ?? null))
  }
  if (isCelMap(a) && isCelMap(b)) {
    return (
      a.size === b.size && [...a].every(([key, item]) => b.has(key) && equalValues(item, b.get(key) ?? null))
    )
  }
  if (typeof a === 'bigint' && typeof b === 'number') return Number(a) === b
  if (typeof a === 'number' && typeof b === 'bigint') return a === Number(b)
  return a === b
}
