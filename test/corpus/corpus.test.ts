/** Every object of the corpus gets the verdict that its comment says, from our definitions and the official ones. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Case, loadCases } from './support/cases.ts'
import {
  type Definition,
  definitionFor,
  type Edition,
  EDITIONS,
  officialDefinitions,
  ourDefinitions,
} from './support/definitions.ts'
import { OFFICIAL_SKIP } from '../../src/mesh/resources/testing/official.ts'
import { judge, ownErrors } from './support/judge.ts'

const CASES = loadCases()

describe('our definitions', () => {
  const ours = byEdition(ourDefinitions)
  for (const item of CASES) {
    it(`${item.valid ? 'take' : 'refuse'} at ${item.place}: ${item.reason}`, () => {
      const definitions = definitionsFor(ours, item)
      assert.notEqual(definitions.length, 0, 'no edition serves it')
      for (const definition of definitions) assertVerdict(definition, item)
    })
  }

  it('have at least 300 objects to judge, taken and refused ones of every kind', () => {
    assert.ok(CASES.length >= 300, `${CASES.length} objects`)
    const kinds = new Set(Object.values(ours).flatMap((list) => list.map((definition) => definition.kind)))
    for (const kind of kinds) {
      const verdicts = new Set(CASES.filter(({ object }) => object.kind === kind).map(({ valid }) => valid))
      assert.equal(verdicts.size, 2, `${kind} has no taken and refused objects`)
    }
  })
})

describe('the official definitions', { skip: OFFICIAL_SKIP }, () => {
  it('come to the same verdicts with the same errors, word by word', () => {
    const ours = byEdition(ourDefinitions)
    const theirs = byEdition(officialDefinitions)
    for (const item of CASES) {
      for (const definition of definitionsFor(ours, item)) {
        const official = definitionFor(theirs[definition.edition], item.object)
        assert.ok(official, `${definition.edition} has no ${item.object.kind}`)
        const mine = judge(definition, item.object, item.old)
        const other = judge(official, item.object, item.old)
        assert.deepEqual(mine.errors, other.errors, `${item.place}, ${definition.edition}`)
        assert.deepEqual(mine.value, other.value, `${item.place}, ${definition.edition}: defaults`)
      }
    }
  })
})

function assertVerdict(definition: Definition, item: Case): void {
  const judgement = judge(definition, item.object, item.old)
  const errors = ownErrors(judgement)
  const all = `${definition.edition}:\n${errors.join('\n')}`
  assert.deepEqual(judgement.pruned, [], `${all}\nunknown fields`)
  assert.equal(errors.length === 0, item.valid, all)
  assert.equal(errors.length, item.errors.length, `${errors.length} errors in ${all}`)
  for (const [index, part] of item.errors.entries()) {
    assert.ok(errors[index]?.includes(part), `no "${part}" in ${all}`)
  }
}

function byEdition(
  load: (edition: Edition) => readonly Definition[],
): Readonly<Record<Edition, readonly Definition[]>> {
  return Object.fromEntries(EDITIONS.map((edition) => [edition, load(edition)])) as Record<
    Edition,
    readonly Definition[]
  >
}

function definitionsFor(
  definitions: Readonly<Record<Edition, readonly Definition[]>>,
  item: Case,
): readonly Definition[] {
  return item.editions.flatMap((edition) => definitionFor(definitions[edition], item.object) ?? [])
}
