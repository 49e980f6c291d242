import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOnly, isTest, parseSource, readSources, type SourceFile } from '../support/source-tree.ts'
import { IMPURE_CODE, PURE, PURE_EXCEPT, PURE_MODULES } from './rules.ts'

const sources = readSources('src').filter((file) => !isTest(file.path))

test('pure folders touch no I/O, clock, randomness or process', () => {
  assert.deepEqual(sources.filter(isPureFile).flatMap(impurities), [])
})

test('the rule about purity sees a clock and a file system', () => {
  const bad = parseSource('src/model/bad.ts', "import fs from 'node:fs'\nexport const t = Date.now()\n")
  assert.equal(impurities(bad).length, 2)
})

test('environment and process.exit are used only by the command line', () => {
  const offenders = sources
    .filter((file) => !file.path.startsWith('src/cli/'))
    .filter((file) => /\bprocess\.(?:exit\(|env\b)/.test(codeOnly(file.text)))
    .map((file) => file.path)
  assert.deepEqual(offenders, [])
})

test('no module has effects at import: no import without names, but for the one that a library demands', () => {
  const offenders = sources.flatMap((file) =>
    [...file.text.matchAll(/^import ['"]([^'"]+)['"]/gm)]
      .filter((match) => match[1] !== 'reflect-metadata')
      .map((match) => `${file.path}: ${match[1]}`),
  )
  assert.deepEqual(offenders, [])
})

function isPureFile(file: SourceFile): boolean {
  return (
    PURE.some((folder) => file.path.startsWith(`${folder}/`)) &&
    !PURE_EXCEPT.some((path) => file.path.startsWith(path))
  )
}

function impurities(file: SourceFile): readonly string[] {
  const modules = file.imports
    .filter((one) => one.target.startsWith('node:'))
    .filter((one) => !PURE_MODULES.some((allowed) => allowed.split('#')[0] === one.target))
    .map((one) => `${file.path}:${one.line} imports ${one.target}`)
  const code = codeOnly(file.text)
  const uses = IMPURE_CODE.filter((rule) => rule.pattern.test(code)).map(
    (rule) => `${file.path} uses ${String(rule.pattern)}; use ${rule.instead}`,
  )
  return [...modules, ...uses]
}
