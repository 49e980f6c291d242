import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fstabLine } from './fstab.ts'

/** Where the layers of one container are. */
export interface LayerOptions {
  /** The container's private directory, with `upper` and `work` in it. */
  readonly directory: string
  /** Where the new root is mounted. */
  readonly root: string
  /** What the containers share, below the state directory's `run`: see `prepareSkeleton`. */
  readonly skeleton: string
}

/** What a container has its own of, or gets from the kernel. */
const NOT_LAYERED = ['proc', 'sys', 'dev', 'run', 'tmp', 'lost+found']

/**
 * Without root the kernel lays nothing over /: that would show what the machine has mounted something on. So the new root
 * is the private layer itself, with an overlay for each directory of / that has no mounts in it; the others are bound as
 * they are. What this user cannot read is empty and the container's own.
 * @returns the lines of an fstab
 */
export function layerEach({ directory, root, skeleton }: LayerOptions): readonly string[] {
  const upper = join(directory, 'upper')
  // Mounts that the cluster has made itself hide nothing of the machine's, and must not be kept by every container.
  const own = `${dirname(dirname(skeleton))}/`
  const mounts = mountPoints().filter((path) => !path.startsWith(own))
  const lines = [fstabLine(upper, root, 'none', 'bind')]
  for (const entry of readdirSync('/', { withFileTypes: true })) {
    const path = `/${entry.name}`
    if (entry.isSymbolicLink()) symlinkSync(readlinkSync(path), join(upper, path))
    if (!entry.isDirectory()) continue
    mkdirSync(join(upper, path), { recursive: true })
    if (NOT_LAYERED.includes(entry.name) || !isReadable(path)) continue
    chmodSync(join(upper, path), statSync(path).mode & 0o7777)
    if (mounts.some((mount) => mount.startsWith(`${path}/`))) {
      lines.push(fstabLine(path, `${root}${path}`, 'none', 'rbind'))
      continue
    }
    const work = join(directory, 'work', entry.name)
    mkdirSync(work, { recursive: true })
    const over = join(skeleton, entry.name)
    const lower = existsSync(over) ? `${over}:${path}` : path
    lines.push(
      fstabLine(
        'overlay',
        `${root}${path}`,
        'overlay',
        `lowerdir=${lower},upperdir=${join(upper, path)},workdir=${work},userxattr`,
      ),
    )
  }
  return lines
}

/** Where programs write as root; the machine's root is nobody to them. */
const WRITTEN = ['/etc', '/var', '/usr/local']
/** Deeper down, programs make their directories themselves. */
const SKELETON_DEPTH = 3
const SKELETON_DIRECTORIES_MAX = 5_000

/**
 * Makes a layer of directories alone, which belong to this user, to go over those that belong to the machine's root:
 * programs in containers may then make files there.
 */
export function prepareSkeleton(skeleton: string): void {
  let left = SKELETON_DIRECTORIES_MAX
  const copy = (path: string, depth: number) => {
    if (left === 0 || !isReadable(path)) return
    left -= 1
    mkdirSync(join(skeleton, path), { recursive: true })
    chmodSync(join(skeleton, path), statSync(path).mode & 0o7777)
    if (depth === 0) return
    for (const entry of readdirSync(path, { withFileTypes: true }))
      if (entry.isDirectory()) copy(join(path, entry.name), depth - 1)
  }
  for (const path of WRITTEN) if (existsSync(path)) copy(path, SKELETON_DEPTH)
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}

function mountPoints(): readonly string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '/')
}
