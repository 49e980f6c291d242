import * as fc from 'fast-check'
import type { KubeObject } from '../../../src/kube/index.ts'
import type { Case } from './cases.ts'

/** A valid object of the corpus with one thing changed at random. */
export interface Mutant {
  readonly of: Case
  /** what was done where, for the reader of a failure */
  readonly change: string
  readonly object: KubeObject
}

/** What a field may be replaced by: the wrong types, empty things, limits and characters that rules look for. */
const REPLACEMENTS: readonly unknown[] = [
  null,
  true,
  '',
  'a',
  'A.example',
  '*',
  '*.a.example',
  '10.0.0.1',
  'a b',
  'a/b',
  '/a/../b',
  '0s',
  '5s',
  '-1',
  'x'.repeat(300),
  0,
  -1,
  1,
  1.5,
  65_536,
  2_147_483_648,
  [],
  ['a', 'a'],
  {},
  { a: 'b' },
]

type Path = readonly (string | number)[]
type Change = 'replace' | 'remove' | 'repeat' | 'empty'

/** @param cases the objects to start from; those with an update or a status are left out */
export function mutants(cases: readonly Case[]): fc.Arbitrary<Mutant> {
  const plain = cases.filter(
    (item) => item.valid && item.old === undefined && !Object.hasOwn(item.object, 'status'),
  )
  return fc
    .record({
      of: fc.constantFrom(...plain),
      at: fc.nat(10_000),
      change: fc.constantFrom<Change>('replace', 'replace', 'remove', 'repeat', 'empty'),
      value: fc.constantFrom(...REPLACEMENTS),
    })
    .map(({ of, at, change, value }) => {
      const spec = (of.object as KubeObject & { readonly spec?: unknown }).spec
      const paths = pathsIn(spec, ['spec'])
      const path = paths[at % paths.length] ?? ['spec']
      const object = changed(of.object, path, change, value) as KubeObject
      const what = change === 'replace' ? `replace by ${JSON.stringify(value)}` : change
      return { of, change: `${path.join('/')}: ${what}`, object }
    })
}

function pathsIn(value: unknown, path: Path): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [path]
  const members: readonly (readonly [string | number, unknown])[] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value)
  return [path, ...members.flatMap(([key, member]) => pathsIn(member, [...path, key]))]
}

function changed(value: unknown, path: Path, change: Change, replacement: unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return changedValue(value, change, replacement)
  const isRemoval = rest.length === 0 && change === 'remove'
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown, index) => {
      if (index !== key) return [item]
      return isRemoval ? [] : [changed(item, rest, change, replacement)]
    })
  }
  return Object.fromEntries(
    Object.entries(value as Readonly<Record<string, unknown>>).flatMap(([name, member]) => {
      if (name !== key) return [[name, member]]
      return isRemoval ? [] : [[name, changed(member, rest, change, replacement)]]
    }),
  )
}

function changedValue(value: unknown, change: Change, replacement: unknown): unknown {
  if (change === 'repeat') return Array.isArray(value) ? [...value, ...value] : [value, value]
  if (change === 'empty') return Array.isArray(value) ? [] : typeof value === 'string' ? '' : {}
  return replacement
}
