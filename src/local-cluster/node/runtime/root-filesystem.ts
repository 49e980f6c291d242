import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fstabLine } from './fstab.ts'
import { layerEach } from './layers.ts'

/** How a container sees the machine's files. */
export type RootMode =
  /** A private copy-on-write view of them (overlayfs) behind pivot_root. */
  | 'overlay'
  /** The same of each directory of / by itself: all that the kernel allows in a user namespace. */
  | { readonly skeleton: string }
  /** The machine's files themselves, with private mounts on top; for machines where overlayfs does not work. */
  | 'shared'

export interface BindMount {
  readonly hostPath: string
  /** Absolute in the container. */
  readonly mountPath: string
  readonly readOnly: boolean
}

export interface RootOptions {
  readonly mode: RootMode
  /** The container's private directory. */
  readonly directory: string
  /** Host paths that must be visible although /tmp or another file system would hide them. */
  readonly visiblePaths: readonly string[]
  readonly mounts: readonly BindMount[]
  /** Directories that others than root must be able to walk through in the container's view; overlay only. */
  readonly opened?: readonly string[]
}

/** The new root's directory: '' in shared mode, where paths are what they are. */
export interface PreparedRoot {
  readonly root: string
  readonly fstab: string
}

/** Directories that are empty and the container's own, with their modes. */
const PRIVATE_DIRECTORIES = [
  ['/tmp', 0o1777],
  ['/run', 0o755],
] as const

const REAL_FILE_SYSTEMS = ['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'zfs', 'f2fs', '9p', 'virtiofs', 'fuseblk']

/** Makes the directories and mount points, and says what `mount -a` has to mount, in order. */
export function prepareRoot(options: RootOptions): PreparedRoot {
  const { directory } = options
  for (const [path, mode] of PRIVATE_DIRECTORIES) {
    mkdirSync(join(directory, path), { recursive: true })
    chmodSync(join(directory, path), mode)
  }
  const root = options.mode === 'shared' ? '' : join(directory, 'root')
  for (const name of options.mode === 'shared' ? [] : ['upper', 'work', 'root']) {
    mkdirSync(join(directory, name), { recursive: true, mode: 0o755 })
  }
  const binds = [...hiddenPaths(options), ...options.mounts].sort(byDepth)
  const lines = [
    ...layerLines(options, root),
    // Under the usual source's name `mount -a` would take the machine's own for it in shared mode.
    fstabLine('lateen-proc', `${root}/proc`, 'proc', 'nosuid,nodev,noexec'),
    ...PRIVATE_DIRECTORIES.map(([path]) =>
      fstabLine(join(directory, path), `${root}${path}`, 'none', 'bind'),
    ),
    ...binds.flatMap((bind) => bindLines(bind, mountPoint(options, bind), root)),
  ]
  if (root !== '') openDirectories(options, options.opened ?? [])
  return { root, fstab: `${lines.join('\n')}\n` }
}

function layerLines({ mode, directory }: RootOptions, root: string): readonly string[] {
  if (mode === 'shared') return []
  const system = [
    ...deviceLines(directory, root),
    fstabLine('sysfs', `${root}/sys`, 'sysfs', 'ro,nosuid,nodev,noexec'),
  ]
  if (mode !== 'overlay') return [...layerEach({ directory, root, skeleton: mode.skeleton }), ...system]
  const layers = `lowerdir=/,upperdir=${join(directory, 'upper')},workdir=${join(directory, 'work')}`
  return [
    fstabLine('overlay', root, 'overlay', layers),
    ...system,
    ...otherFileSystems(directory).map((path) => fstabLine(path, `${root}${path}`, 'none', 'bind')),
  ]
}

const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty']
const DEVICE_LINKS = [
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
  ['ptmx', 'pts/ptmx'],
] as const

/** Where a program leaves its last words. @param path in the container, outside of its volumes */
export function terminationLog(directory: string, path = '/dev/termination-log'): string {
  const isPrivate =
    path.startsWith('/dev/') || PRIVATE_DIRECTORIES.some(([own]) => path.startsWith(`${own}/`))
  return isPrivate ? join(directory, path) : join(directory, 'upper', path)
}

/** A directory of our own with the machine's harmless devices mounted on its files. */
function deviceLines(directory: string, root: string): readonly string[] {
  const place = join(directory, 'dev')
  mkdirSync(join(place, 'pts'), { recursive: true })
  mkdirSync(join(place, 'shm'))
  for (const [name, target] of DEVICE_LINKS) symlinkSync(target, join(place, name))
  for (const device of DEVICES) writeFileSync(join(place, device), '')
  writeFileSync(terminationLog(directory), '', { mode: 0o666 })
  return [
    fstabLine(place, `${root}/dev`, 'none', 'bind'),
    ...DEVICES.map((device) => fstabLine(`/dev/${device}`, `${root}/dev/${device}`, 'none', 'bind')),
    fstabLine('/dev/pts', `${root}/dev/pts`, 'none', 'bind'),
    fstabLine('shm', `${root}/dev/shm`, 'tmpfs', 'nosuid,nodev,noexec,mode=1777,size=64m'),
  ]
}

function bindLines(bind: BindMount, target: string, root: string): readonly string[] {
  const place = `${root}${target}`
  const first = fstabLine(bind.hostPath, place, 'none', 'bind')
  // A bind mount takes read-only only when it is mounted a second time; nobody but root may drop what the source forbids.
  const options = ['remount', 'bind', 'ro', ...restrictions(bind.hostPath)]
  return bind.readOnly ? [first, fstabLine(bind.hostPath, place, 'none', options.join(','))] : [first]
}

const RESTRICTIONS = ['nosuid', 'nodev', 'noexec']

/** What the file system that the path is on was mounted with. */
function restrictions(path: string): readonly string[] {
  const above = mountTable().filter((mount) => mount.path === '/' || `${path}/`.startsWith(`${mount.path}/`))
  const options = above.toSorted((a, b) => a.path.length - b.path.length).at(-1)?.options ?? []
  return RESTRICTIONS.filter((one) => options.includes(one))
}

/** Makes the place to mount on in the private layer. @returns the path in the container, symbolic links resolved */
function mountPoint(options: RootOptions, bind: BindMount): string {
  const target = resolveOnHost(bind.mountPath)
  const isDirectory = statSync(bind.hostPath).isDirectory()
  // The innermost volume around it, since that one hides what is below.
  const covering = options.mounts
    .filter((other) => other !== bind && target.startsWith(`${resolveOnHost(other.mountPath)}/`))
    .toSorted(byDepth)
    .at(-1)
  if (covering !== undefined) {
    makePlace(join(covering.hostPath, relative(resolveOnHost(covering.mountPath), target)), isDirectory)
    return target
  }
  if (PRIVATE_DIRECTORIES.some(([path]) => target === path || target.startsWith(`${path}/`))) {
    makePlace(join(options.directory, target), isDirectory)
    return target
  }
  if (options.mode === 'shared') makePlace(target, isDirectory)
  else makeLike(options, target, isDirectory)
  return target
}

function makePlace(path: string, isDirectory: boolean): void {
  if (existsSync(path)) return
  mkdirSync(isDirectory ? path : dirname(path), { recursive: true, mode: 0o755 })
  if (!isDirectory) writeFileSync(path, '')
}

/** A directory in the upper layer decides the mode of the merged one, so it takes that of the machine's. */
function makeLike({ mode, directory }: RootOptions, target: string, isDirectory: boolean): void {
  const upper = join(directory, 'upper')
  makePlace(`${upper}${target}`, isDirectory)
  for (let path = isDirectory ? target : dirname(target); path !== '/'; path = dirname(path)) {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat === undefined || !stat.isDirectory()) continue
    chmodSync(`${upper}${path}`, stat.mode & 0o7777)
    // In a user namespace the machine's directories belong to nobody, and their places to the container's root.
    if (mode === 'overlay') chownSync(`${upper}${path}`, stat.uid, stat.gid)
  }
}

/** The upper layer's mode is what the container sees: the machine's directories stay closed. */
function openDirectories(options: RootOptions, paths: readonly string[]): void {
  const upper = join(options.directory, 'upper')
  // Making one takes the modes of all above it from the machine, so they are opened when all are there.
  for (const path of paths) makeLike(options, path, true)
  for (const path of paths) chmodSync(`${upper}${path}`, statSync(`${upper}${path}`).mode | 0o011)
}

/** /var/run/secrets is /run/secrets on most machines: the overlay shows the same links. */
function resolveOnHost(path: string): string {
  let existing = path
  while (existing !== '/' && !existsSync(existing)) existing = dirname(existing)
  return join(realpathSync(existing), relative(existing, path))
}

function hiddenPaths(options: RootOptions): readonly BindMount[] {
  const rootDevice = statSync('/').dev
  return options.visiblePaths
    .filter((path) => existsSync(path))
    .filter(
      (path) =>
        /^\/(tmp|run)\//.test(path) || (options.mode !== 'shared' && statSync(path).dev !== rootDevice),
    )
    .map((path) => ({ hostPath: path, mountPath: path, readOnly: false }))
}

/** Other disks of the machine (a separate /usr or /home), which the overlay of / does not show. */
function otherFileSystems(directory: string): readonly string[] {
  return mountTable()
    .filter(({ path, type }) => path !== '/' && REAL_FILE_SYSTEMS.includes(type))
    .filter(
      ({ path }) =>
        !/^\/(dev|proc|sys|run|tmp)(\/|$)/.test(path) && !directory.startsWith(`${path}/containers`),
    )
    .map(({ path }) => path)
    .filter((path) => existsSync(path) && lstatSync(path).isDirectory())
}

function mountTable(): readonly {
  readonly path: string
  readonly type: string
  readonly options: readonly string[]
}[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' '))
    .map((fields) => ({
      path: fields[4] ?? '/',
      options: (fields[5] ?? '').split(','),
      type: fields[fields.indexOf('-') + 1] ?? '',
    }))
}

function byDepth(a: BindMount, b: BindMount): number {
  return a.mountPath.split('/').length - b.mountPath.split('/').length
}
