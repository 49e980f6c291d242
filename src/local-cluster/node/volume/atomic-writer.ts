import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { VolumeOwner } from '../pod/security.ts'
import type { VolumeFile } from './content.ts'

/**
 * Writes a volume's files so that a reader sees either the old set or the new, as the kubelet does: the files lie
 * in a directory of their own, `..data` points to it, and each top-level name is a link through `..data`. An
 * update swaps the one link. Does nothing when the content is what it was.
 */
export function writeVolume(directory: string, files: readonly VolumeFile[], owner: VolumeOwner = {}): void {
  mkdirSync(directory, { recursive: true, mode: 0o755 })
  const version = `..${contentHash(files)}`
  const before = currentVersion(directory)
  if (before === version) return
  writeFiles(join(directory, version), files, owner)
  symlinkSync(version, join(directory, '..data_tmp'))
  renameSync(join(directory, '..data_tmp'), join(directory, '..data'))
  linkNames(directory, new Set(files.map(({ path }) => path.split('/')[0] ?? path)))
  for (const name of readdirSync(directory)) {
    if (name.startsWith('..') && name !== '..data' && name !== version) {
      rmSync(join(directory, name), { recursive: true, force: true })
    }
  }
}

const GROUP_READ = 0o040

function writeFiles(directory: string, files: readonly VolumeFile[], { user, group }: VolumeOwner): void {
  // Left over from a write that was cut short.
  rmSync(directory, { recursive: true, force: true })
  rmSync(join(dirname(directory), '..data_tmp'), { force: true })
  mkdirSync(directory, { mode: 0o755 })
  for (const { path, content, mode } of files) {
    const target = join(directory, path)
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 })
    writeFileSync(target, content)
    chmodSync(target, group === undefined ? mode : mode | GROUP_READ)
    if (user !== undefined || group !== undefined) chownSync(target, user ?? 0, group ?? 0)
  }
}

function linkNames(directory: string, names: ReadonlySet<string>): void {
  const present = readdirSync(directory).filter((name) => !name.startsWith('..'))
  for (const name of present) if (!names.has(name)) rmSync(join(directory, name), { force: true })
  for (const name of names) if (!present.includes(name)) symlinkSync(`..data/${name}`, join(directory, name))
}

function currentVersion(directory: string): string | undefined {
  try {
    return readlinkSync(join(directory, '..data'))
  } catch {
    return undefined
  }
}

function contentHash(files: readonly VolumeFile[]): string {
  const hash = createHash('sha256')
  for (const file of [...files].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    hash.update(`${file.path}\0${file.mode}\0${file.content.length}\0`).update(file.content)
  }
  return hash.digest('hex').slice(0, 16)
}
