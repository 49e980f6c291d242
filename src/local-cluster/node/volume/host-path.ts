import { existsSync, mkdirSync, type Stats, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fail, messageOf, ok, type Result } from '../../../base/index.ts'

/** What each type of a hostPath wants there, and the kubelet's words for anything else. */
const CHECKS: Readonly<Record<string, { readonly is: (stat: Stats) => boolean; readonly words: string }>> = {
  Directory: { is: (stat) => stat.isDirectory(), words: 'a directory' },
  DirectoryOrCreate: { is: (stat) => stat.isDirectory(), words: 'a directory' },
  File: { is: (stat) => stat.isFile(), words: 'a file' },
  FileOrCreate: { is: (stat) => stat.isFile(), words: 'a file' },
  Socket: { is: (stat) => stat.isSocket(), words: 'a socket file' },
  CharDevice: { is: (stat) => stat.isCharacterDevice(), words: 'a character device' },
  BlockDevice: { is: (stat) => stat.isBlockDevice(), words: 'a block device' },
}

/** Sees to it that there is what the volume wants. @returns what is in the way */
export function prepareHostPath(path: string, type: string): Result<void, string> {
  try {
    if (!existsSync(path)) create(path, type)
  } catch (error) {
    return fail(messageOf(error))
  }
  if (type === '') return ok(undefined)
  const check = CHECKS[type]
  if (check === undefined) return fail(`unknown volume type ${type}`)
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat !== undefined && check.is(stat)) return ok(undefined)
  return fail(`hostPath type check failed: ${path} is not ${check.words}`)
}

/** Without a type container engines make a directory of what is not there. */
function create(path: string, type: string): void {
  if (type === '' || type === 'DirectoryOrCreate') mkdirSync(path, { recursive: true, mode: 0o755 })
  // The kubelet does not make the directory of the file.
  if (type === 'FileOrCreate' && existsSync(dirname(path))) writeFileSync(path, '', { mode: 0o644 })
}
