import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOnly, isTest, parseSource, readSources, type SourceFile } from '../support/source-tree.ts'
import { FILE_LINES_MAX, FUNCTION_LINES_MAX, TABLE_LINES_MAX } from './rules.ts'

const sources = [
  ...readSources('src'),
  ...readSources('test'),
  ...readSources('scripts'),
  ...readSources('samples'),
]

test(`no file is longer than ${FILE_LINES_MAX} lines, tables of data ${TABLE_LINES_MAX}`, () => {
  const long = sources
    .map((file) => ({
      path: file.path,
      lines: file.text.split('\n').length,
      max: isTable(file) ? TABLE_LINES_MAX : FILE_LINES_MAX,
    }))
    .filter((file) => file.lines > file.max && !isTest(file.path))
    .map((file) => `${file.path}: ${file.lines} lines (at most ${file.max})`)
  assert.deepEqual(long, [])
})

test(`no function is longer than ${FUNCTION_LINES_MAX} lines`, () => {
  assert.deepEqual(sources.filter((file) => !isTest(file.path)).flatMap(longFunctions), [])
})

test('the rule about functions sees a long one and leaves a factory of short ones alone', () => {
  const body = 'x()\n'.repeat(FUNCTION_LINES_MAX + 1)
  assert.equal(longFunctions(parseSource('src/base/bad.ts', `function long() {\n${body}}\n`)).length, 1)
  const inner = 'function short() {\nx()\n}\n'.repeat(FUNCTION_LINES_MAX)
  assert.equal(longFunctions(parseSource('src/base/good.ts', `function factory() {\n${inner}}\n`)).length, 0)
})

/** A file without functions holds types or data alone. */
function isTable(file: SourceFile): boolean {
  return !/\bfunction\b|=>\s*\{/.test(codeOnly(file.text))
}

/** Lines of each function, without those of the functions inside it: a factory's closures count by themselves. */
function longFunctions(file: SourceFile): readonly string[] {
  const code = codeOnly(file.text)
  const open: { readonly isFunction: boolean; readonly start: number; inner: number }[] = []
  const found: string[] = []
  let line = 1
  for (let at = 0; at < code.length; at++) {
    const char = code[at]
    if (char === '\n') line += 1
    if (char === '{') open.push({ isFunction: opensFunction(code, at), start: line, inner: 0 })
    if (char !== '}') continue
    const block = open.pop()
    if (!block) continue
    const lines = line - block.start + 1
    const parent = open.findLast((one) => one.isFunction)
    if (block.isFunction) {
      if (lines - block.inner > FUNCTION_LINES_MAX)
        found.push(`${file.path}:${block.start} ${lines - block.inner} lines`)
      if (parent) parent.inner += lines
    }
  }
  return found
}

function opensFunction(code: string, brace: number): boolean {
  const before = code.slice(Math.max(0, brace - 400), brace).trimEnd()
  if (before.endsWith('=>')) return true
  const head = /([\w$]+)\s*(?:<[^()]*>)?\([^{};]*\)\s*(?::[^={};]*)?$/.exec(before)
  return head !== null && !['if', 'for', 'while', 'switch', 'catch', 'with'].includes(head[1] ?? '')
}
