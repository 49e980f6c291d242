/**
 * The official project's own examples, with its definitions: `examples/` is taken, `hack/invalid-examples/` refused.
 * They are read where `scripts/examples.ts` has put them, the module cache of Go; none of them is part of the project.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Examples, filesIn, startExamples } from './examples.ts'

const MODULES = JSON.parse(process.env['LATEEN_GATEWAY_API_MODULES'] ?? '{}') as Readonly<
  Record<string, string>
>
/** The experimental channel has all of the standard one. */
const CHANNELS = { standard: ['standard'], experimental: ['standard', 'experimental'] } as const

test('the official examples are there', { skip: skipReason() }, () => {
  for (const module of Object.values(MODULES)) assert.ok(existsSync(join(module, 'examples')), module)
})

for (const [version, module] of Object.entries(MODULES)) {
  for (const [channel, folders] of Object.entries(CHANNELS)) {
    describe(`${version}, ${channel} channel`, () => {
      let examples: Examples | undefined
      before(async () => {
        examples = await startExamples(definitionsIn(join(module, 'config/crd', channel)))
      })
      after(() => examples?.stop())
      const started = (): Examples => examples ?? assert.fail('the definitions were not taken')

      for (const folder of folders) {
        const invalid = join(module, 'hack/invalid-examples', folder)
        for (const file of filesIn(invalid)) {
          test(`refuses ${folder}/${relative(invalid, file)}`, async (context) => {
            context.diagnostic((await started().refuse(file)).trimEnd())
          })
        }
        test(`takes every example of ${folder}`, async () => {
          assert.ok((await started().take(join(module, 'examples', folder))) > 0)
        })
      }
    })
  }
}

/** kubectl takes a folder's kustomization for an object. */
function definitionsIn(folder: string): readonly string[] {
  return filesIn(folder)
    .filter((file) => basename(file) !== 'kustomization.yaml')
    .map((file) => readFileSync(file, 'utf8'))
}

function skipReason(): string | false {
  return Object.keys(MODULES).length > 0 ? false : 'run by `npm run test:examples`, which fetches them'
}
