import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import { parseAllDocuments, stringify } from 'yaml'
import { gatewayApiCrds } from '../../src/mesh/resources/index.ts'
import { type Examples, filesIn, startExamples } from './examples.ts'

const VALID = join(import.meta.dirname, 'valid')
const INVALID = join(import.meta.dirname, 'invalid')
/** The first line of an example that must be refused tells which field the refusal names. */
const NAMES = /^# names (\S+)\n/

let examples: Examples | undefined
before(async () => {
  const definitions = gatewayApiCrds({ version: 'v1.6.1', channel: 'experimental' })
  examples = await startExamples(definitions.map((one) => stringify(one)))
})
after(() => examples?.stop())
const started = (): Examples => examples ?? assert.fail('the definitions were not taken')

test('every valid example is taken', async () => {
  const objects = filesIn(VALID).flatMap((file) => parseAllDocuments(readFileSync(file, 'utf8')))
  assert.equal(await started().take(VALID), objects.length)
})

for (const file of filesIn(INVALID)) {
  test(`the invalid example ${basename(file, '.yaml')} is refused by the field that is wrong`, async () => {
    const field = NAMES.exec(readFileSync(file, 'utf8'))?.[1]
    assert.ok(field !== undefined, `${file} has no first line "# names <field>"`)
    const message = await started().refuse(file)
    assert.ok(message.includes(`${field}: `), `no ${field} in ${message}`)
  })
}
