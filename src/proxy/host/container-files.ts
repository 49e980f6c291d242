import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync } from 'node:fs'
import { normalize } from 'node:path'
import { type HostedMount, mountOf } from '../../linux/index.ts'

/** Certificates, tokens and labels; what is larger is none of them. */
const FILE_BYTES_MAX = 1024 * 1024

/**
 * Reads a file as a container's program would see it. The paths may come from a user's object and links from a volume that
 * the pod writes to, while the reader may read every file of the machine: nothing outside of the container's mounts is read,
 * and nothing that a reader could wait for.
 * @returns undefined where there is no such file
 */
export function readContainerFile(mounts: readonly HostedMount[], path: string): string | undefined {
  const clean = normalize(path)
  const mount = mountOf(mounts, clean)
  if (mount === undefined) return undefined
  const rest = clean.slice(mount.mountPath.length)
  try {
    const root = realpathSync(mount.hostPath)
    const real = realpathSync(rest === '' ? mount.hostPath : `${mount.hostPath}/${rest}`)
    if (real !== root && !real.startsWith(`${root}/`)) return undefined
    return readPlain(real)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (NOT_THERE.has(code)) return undefined
    throw error
  }
}

/** `ELOOP`: since the look it has become a link. */
const NOT_THERE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'])

function readPlain(path: string): string | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(fd)
    return stat.isFile() && stat.size <= FILE_BYTES_MAX ? readFileSync(fd, 'utf8') : undefined
  } finally {
    closeSync(fd)
  }
}
