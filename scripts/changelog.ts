/**
 * Folds the fragments of `changes/` into CHANGELOG.md under a heading for the release.
 *   npm run changelog -- VERSION
 */
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY } from './run.ts'

const INTRODUCTION_LINES = 3

/** @param changelog begins with its title and one paragraph, newest release below */
export function foldFragments(changelog: string, release: string, fragments: readonly string[]): string {
  const lines = changelog.trimEnd().split('\n')
  const items = fragments.map((text) => `- ${text.trim().replaceAll('\n', '\n  ')}`)
  const head = lines.slice(0, INTRODUCTION_LINES).join('\n')
  const older = lines.slice(INTRODUCTION_LINES).join('\n').trim()
  return `${[head, `## ${release}\n\n${items.join('\n')}`, older].filter((part) => part !== '').join('\n\n')}\n`
}

if (import.meta.main) {
  const [version] = process.argv.slice(2)
  const files = globSync('changes/*.md', { cwd: REPOSITORY }).sort()
  if (version === undefined || files.length === 0) {
    console.error(
      version === undefined ? 'usage: npm run changelog -- VERSION' : 'there is no fragment in changes/',
    )
    process.exitCode = 64
  } else {
    const path = join(REPOSITORY, 'CHANGELOG.md')
    const date = new Date().toISOString().slice(0, 10)
    const fragments = files.map((file) => readFileSync(join(REPOSITORY, file), 'utf8'))
    writeFileSync(path, foldFragments(readFileSync(path, 'utf8'), `${version} (${date})`, fragments))
    for (const file of files) rmSync(join(REPOSITORY, file))
  }
}
