import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  type Dirent,
  existsSync,
  lstatSync,
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
 * they are, but for /etc, of which there is a copy then. What this user cannot read is empty and the container's own.
 * @returns the lines of an fstab
 */
export function layerEach({ directory, root, skeleton }: LayerOptions): readonly string[] {
  const upper = join(directory, 'upper')
  const mounts = machineMounts(skeleton)
  const lines = [fstabLine(upper, root, 'none', 'bind')]
  for (const entry of readdirSync('/', { withFileTypes: true })) {
    const path = `/${entry.name}`
    if (entry.isSymbolicLink()) symlinkSync(readlinkSync(path), join(upper, path))
    if (!entry.isDirectory()) continue
    mkdirSync(join(upper, path), { recursive: true })
    if (NOT_LAYERED.includes(entry.name) || !isReadable(path)) continue
    chmodSync(join(upper, path), statSync(path).mode & 0o7777)
    const over = join(skeleton, path)
    const hasMounts = isMountedIn(path, mounts)
    const lower = [...(existsSync(over) ? [over] : []), ...(hasMounts ? [] : [path])]
    if (hasMounts && path !== COPIED) {
      lines.push(fstabLine(path, `${root}${path}`, 'none', 'rbind'))
      continue
    }
    const work = join(directory, 'work', entry.name)
    mkdirSync(work, { recursive: true })
    const layers = `lowerdir=${lower.join(':')},upperdir=${join(upper, path)},workdir=${work},userxattr`
    lines.push(fstabLine('overlay', `${root}${path}`, 'overlay', layers))
  }
  return lines
}

/** Container engines mount files into it. */
const COPIED = '/etc'
/** Where programs write as root; the machine's root is nobody to them. */
const WRITTEN = [COPIED, '/var', '/usr/local']
/** Deeper down, programs make their directories themselves. */
const DEPTH = 3
const ENTRIES_MAX = 10_000
const FILE_BYTES_MAX = 4 * 1024 * 1024

/**
 * Makes a layer of directories that belong to this user, to go over those that belong to the machine's root: programs in
 * containers may then make files there. It has copies of the files of /etc where that cannot be a layer itself.
 */
export function prepareSkeleton(skeleton: string): void {
  const copiesFiles = isMountedIn(COPIED, machineMounts(skeleton))
  let left = ENTRIES_MAX
  const copy = (path: string, depth: number) => {
    if (!isReadable(path)) return
    mkdirSync(join(skeleton, path), { recursive: true })
    chmodSync(join(skeleton, path), (statSync(path).mode & 0o7777) | 0o700)
    const withFiles = copiesFiles && (path === COPIED || path.startsWith(`${COPIED}/`))
    if (depth === 0 && !withFiles) return
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const place = join(path, entry.name)
      left -= 1
      if (left < 0) return
      if (entry.isDirectory()) copy(place, depth - 1)
      else if (withFiles) copyFile(place, join(skeleton, place), entry)
    }
  }
  for (const path of WRITTEN) if (existsSync(path)) copy(path, DEPTH)
}

function copyFile(from: string, to: string, entry: Dirent): void {
  if (lstatSync(to, { throwIfNoEntry: false }) !== undefined) return
  if (entry.isSymbolicLink()) symlinkSync(readlinkSync(from), to)
  else if (entry.isFile() && mayRead(from, constants.R_OK) && statSync(from).size <= FILE_BYTES_MAX)
    copyFileSync(from, to)
}

function isMountedIn(path: string, mounts: readonly string[]): boolean {
  return mounts.some((mount) => mount.startsWith(`${path}/`))
}

function isReadable(path: string): boolean {
  return mayRead(path, constants.R_OK | constants.X_OK)
}

function mayRead(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}

/** Mounts that the cluster has made itself hide nothing of the machine's, and must not be kept by every container. */
function machineMounts(skeleton: string): readonly string[] {
  const own = `${dirname(dirname(skeleton))}/`
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '/')
    .filter((path) => !path.startsWith(own))
}
