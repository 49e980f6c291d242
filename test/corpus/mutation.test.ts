/** Objects of the corpus with one thing changed at random: both sets of definitions say the same of them. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import * as fc from 'fast-check'
import { loadCases } from './support/cases.ts'
import { definitionFor, EDITIONS, officialDefinitions, ourDefinitions } from './support/definitions.ts'
import { OFFICIAL_SKIP } from '../../src/mesh/resources/testing/official.ts'
import { judge } from './support/judge.ts'
import { mutants } from './support/mutate.ts'

const RUNS = 500

it(
  'an object that is changed at random gets the same verdict, errors and defaults from both',
  { skip: OFFICIAL_SKIP },
  () => {
    const pairs = EDITIONS.map((edition) => [ourDefinitions(edition), officialDefinitions(edition)] as const)
    const property = fc.property(mutants(loadCases()), ({ object }) => {
      for (const [ours, theirs] of pairs) {
        const mine = definitionFor(ours, object)
        if (mine === undefined) continue
        const official = definitionFor(theirs, object)
        assert.ok(official)
        assert.deepEqual(judge(mine, object), judge(official, object))
      }
    })
    fc.assert(property, { numRuns: RUNS })
  },
)
