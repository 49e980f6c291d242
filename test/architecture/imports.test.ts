import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  isTest,
  parseSource,
  readSources,
  REPOSITORY,
  type SourceFile,
  type SourceImport,
} from '../support/source-tree.ts'
import { MAY_IMPORT, ONLY_BY, SUB_DOORS } from './rules.ts'

const sources = readSources('src')

test('a folder imports only what the table allows', () => {
  assert.deepEqual(sources.flatMap(forbiddenImports), [])
})

test('the rule about folders sees a forbidden import', () => {
  const bad = parseSource('src/model/bad.ts', "import { x } from '../proxy/index.ts'\n")
  assert.equal(forbiddenImports(bad).length, 1)
})

test('another folder is entered through its index.ts', () => {
  assert.deepEqual(sources.flatMap(importsPastTheDoor), [])
})

test('the rule about doors sees an import past the door', () => {
  const bad = parseSource('src/proxy/bad.ts', "import { x } from '../model/route.ts'\n")
  assert.equal(importsPastTheDoor(bad).length, 1)
})

test('files do not import each other in a circle', () => {
  assert.deepEqual(findCycles(sources), [])
})

test('the rule about circles sees a circle', () => {
  const a = parseSource('src/base/a.ts', "import { b } from './b.ts'\n")
  const b = parseSource('src/base/b.ts', "import { a } from './a.ts'\n")
  assert.equal(findCycles([a, b]).length, 1)
})

test('src/dashboard/web imports only the contract, samples import nothing of src', () => {
  const strangers = readSources('samples').flatMap((file) =>
    file.imports
      .filter((one) => one.target.startsWith('src/'))
      .map((one) => `${file.path}:${one.line} ${one.target}`),
  )
  assert.deepEqual(strangers, [])
})

test('every folder with code has an index.ts that begins with its contract', () => {
  const folders = readdirSync(join(REPOSITORY, 'src'), { withFileTypes: true })
    .filter(
      (entry) => entry.isDirectory() && sources.some((file) => file.path.startsWith(`src/${entry.name}/`)),
    )
    .map((entry) => `src/${entry.name}`)
    .filter((folder) => folder !== 'src/cli')
  for (const folder of [...folders, ...SUB_DOORS.filter((door) => existsSync(join(REPOSITORY, door)))]) {
    const index = sources.find((file) => file.path === `${folder}/index.ts`)
    assert.ok(
      index ||
        existsSync(join(REPOSITORY, folder, 'index.ts')) ||
        !sources.some((file) => file.path.startsWith(`${folder}/`)),
      `${folder} has no index.ts`,
    )
    if (index)
      assert.match(index.text, /^\/\*\*/, `${folder}/index.ts does not begin with the folder's contract`)
  }
})

function folderOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1]
}

function forbiddenImports(file: SourceFile): readonly string[] {
  const from = folderOf(file.path)
  if (from === undefined) return []
  return file.imports.flatMap((one) => {
    const to = folderOf(one.target)
    if (!one.relative || to === undefined || to === from || to === 'base') return []
    if (isTest(file.path)) return [] // tests may wire real neighbours together
    const allowed = MAY_IMPORT[from]?.includes(to) ?? false
    const doors = ONLY_BY[from]?.[to]
    const byDoor = doors === undefined || doors.some((door) => one.target === `${door}/index.ts`)
    return allowed && byDoor ? [] : [`${where(file, one)}: ${from} may not import ${one.target}`]
  })
}

function importsPastTheDoor(file: SourceFile): readonly string[] {
  const from = folderOf(file.path)
  return file.imports.flatMap((one) => {
    const to = folderOf(one.target)
    if (!one.relative || to === undefined || to === from) return []
    const doors = [`src/${to}/index.ts`, ...SUB_DOORS.map((door) => `${door}/index.ts`)]
    if (one.target === 'src/base/testing/index.ts' || (isTest(file.path) && one.target.includes('/testing/')))
      return []
    return doors.includes(one.target)
      ? []
      : [`${where(file, one)}: ${one.target} is past the door of src/${to}`]
  })
}

function findCycles(files: readonly SourceFile[]): readonly string[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const state = new Map<string, 'open' | 'done'>()
  const cycles: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'done') return
    if (state.get(path) === 'open') {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
      return
    }
    state.set(path, 'open')
    for (const one of byPath.get(path)?.imports ?? []) {
      // Types vanish before the program runs, but a circle of them still ties files together, so it counts as well.
      if (byPath.has(one.target)) visit(one.target, [...trail, path])
    }
    state.set(path, 'done')
  }
  for (const file of files) visit(file.path, [])
  return cycles
}

function where(file: SourceFile, one: SourceImport): string {
  return `${file.path}:${one.line}`
}
