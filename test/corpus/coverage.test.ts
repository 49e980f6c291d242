/** Every rule of every served version of every kind holds for one object of the corpus and fails for another. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StructuralSchema } from '../../src/kube/index.ts'
import { loadCases } from './support/cases.ts'
import { type Definition, definitionFor, EDITIONS, ourDefinitions } from './support/definitions.ts'
import { outcomes, ruleSites, siteKey } from './support/judge.ts'

/** Rules that no object can break, because something before them refuses it. */
const CANNOT_FAIL: readonly { readonly message: string; readonly because: string }[] = [
  {
    message: "type must be one of ['Exact', 'PathPrefix', 'RegularExpression']",
    because: 'the field is an enumeration of these three, and the rules of a wrong word are not evaluated',
  },
]

const CASES = loadCases()

describe('the corpus', () => {
  for (const edition of EDITIONS) {
    const definitions = ourDefinitions(edition)
    const seen = collect(definitions, edition)
    const judged = new Set<StructuralSchema>()
    for (const { kind, apiVersion, schema } of definitions) {
      if (judged.has(schema) || ruleSites(schema).length === 0) continue
      judged.add(schema)
      it(`sees every rule of ${kind} ${apiVersion} of ${edition} hold and fail`, () => {
        assert.deepEqual(missing(schema, seen.get(schema)), [])
      })
    }
  }
})

interface Seen {
  readonly held: Set<string>
  readonly failed: Set<string>
}

function collect(definitions: readonly Definition[], edition: string): ReadonlyMap<StructuralSchema, Seen> {
  const seen = new Map<StructuralSchema, Seen>()
  for (const item of CASES) {
    const definition = definitionFor(definitions, item.object)
    if (definition === undefined || !item.editions.some((name) => name === edition)) continue
    const of = seen.get(definition.schema) ?? { held: new Set(), failed: new Set() }
    seen.set(definition.schema, of)
    for (const { site, holds } of outcomes(definition, item.object, item.old)) {
      ;(holds ? of.held : of.failed).add(siteKey(site))
    }
  }
  return seen
}

function missing(schema: StructuralSchema, seen: Seen | undefined): readonly string[] {
  return ruleSites(schema).flatMap((site) => {
    const key = siteKey(site)
    const canFail = !CANNOT_FAIL.some(({ message }) => message === site.message)
    return [
      ...(seen?.held.has(key) ? [] : [`never holds: ${key}`]),
      ...(canFail && !seen?.failed.has(key) ? [`never fails: ${key}`] : []),
    ]
  })
}
