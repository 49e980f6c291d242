import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { stringify } from 'yaml'
import { createHarness, parseObjects, type Section, SECTIONS, snapshot } from './testing/harness.ts'

const FOLDER = new URL('testdata/', import.meta.url)
const isWriting = process.env['LATEEN_GOLDEN'] === 'write'

/** A case is `<name>.in.yaml`: its first line says why it exists, an optional `# show:` line what of the outcome matters. */
describe('resources are translated as the golden files have it', () => {
  const files = readdirSync(FOLDER)
  const cases = files.filter((file) => file.endsWith('.in.yaml')).sort()
  for (const file of cases) {
    const input = readFileSync(new URL(file, FOLDER), 'utf8')
    const reason = /^# (.+)$/m.exec(input.split('\n', 1)[0] ?? '')?.[1]
    it(`${file.replace('.in.yaml', '')}: ${reason ?? ''}`, () => {
      assert.ok(reason, `${file}: the first line must be a comment with the reason of the case`)
      const output = outcomeOf(input)
      const url = new URL(file.replace('.in.yaml', '.out.yaml'), FOLDER)
      if (isWriting) writeFileSync(url, output)
      assert.equal(output, readFileSync(url, 'utf8'), `run with LATEEN_GOLDEN=write to accept ${file}`)
    })
  }
  it('has no outcome without its case', () => {
    const stale = files.filter(
      (file) => file.endsWith('.out.yaml') && !cases.includes(file.replace('.out.yaml', '.in.yaml')),
    )
    if (isWriting) for (const file of stale) rmSync(new URL(file, FOLDER))
    else assert.deepEqual(stale, [])
  })
})

function outcomeOf(input: string): string {
  const shown = /^# show: (.+)$/m.exec(input)?.[1]?.split(', ') ?? [
    'listeners',
    'routes',
    'statuses',
    'problems',
  ]
  const sections = SECTIONS.filter((section: Section) => shown.includes(section))
  const harness = createHarness()
  harness.set(parseObjects(input))
  return stringify(snapshot(harness.translation, sections), {
    sortMapEntries: true,
    lineWidth: 0,
    singleQuote: true,
    aliasDuplicateObjects: false,
  })
}
