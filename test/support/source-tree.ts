import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

export const REPOSITORY = resolve(import.meta.dirname, '../..')

export interface SourceFile {
  /** Relative to the repository, with slashes. */
  readonly path: string
  readonly text: string
  /** Relative imports as repository paths; packages as written. */
  readonly imports: readonly SourceImport[]
}

export interface SourceImport {
  readonly target: string
  readonly line: number
  readonly relative: boolean
  readonly typeOnly: boolean
}

/** Reads the TypeScript files below a folder of the repository, generated ones excepted. */
export function readSources(folder: string): readonly SourceFile[] {
  return readdirSync(join(REPOSITORY, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(REPOSITORY, join(entry.parentPath, entry.name)))
    .filter((path) => !path.includes('/generated/') && !path.includes('node_modules'))
    .sort()
    .map((path) => parseSource(path, readFileSync(join(REPOSITORY, path), 'utf8')))
}

const IMPORT = /(?:^|\n)\s*(import|export)\s+(type\s)?(?:[^'"]*?\sfrom\s+)?['"]([^'"\n]+)['"]/g
const DYNAMIC = /\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/g

export function parseSource(path: string, text: string): SourceFile {
  const found: SourceImport[] = []
  const add = (specifier: string, index: number, typeOnly: boolean) => {
    const isRelative = specifier.startsWith('.')
    const target = isRelative
      ? relative(REPOSITORY, resolve(REPOSITORY, dirname(path), specifier))
      : specifier
    found.push({ target, line: text.slice(0, index).split('\n').length, relative: isRelative, typeOnly })
  }
  for (const match of text.matchAll(IMPORT)) {
    if (match[1] === 'export' && !/\sfrom\s/.test(match[0])) continue
    add(match[3] ?? '', (match.index ?? 0) + 1, match[2] !== undefined)
  }
  for (const match of text.matchAll(DYNAMIC)) add(match[1] ?? '', match.index ?? 0, false)
  return { path, text, imports: found }
}

/** The source with comments and the contents of strings blanked out, positions kept: for rules about code. */
export function codeOnly(text: string): string {
  return text.replace(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`/g,
    (token) => token.replace(/[^\n]/g, ' '),
  )
}

export const isTest = (path: string) => path.endsWith('.test.ts') || path.includes('/testing/')
