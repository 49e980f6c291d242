import { readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Container, Pod } from '../../../kube/index.ts'
import type { ProcessUser } from '../runtime/process-rights.ts'
import type { RootMode } from '../runtime/root-filesystem.ts'

/** Whose rights a container's programs get. */
export type UserDecision =
  | { readonly kind: 'root' }
  | { readonly kind: 'user'; readonly user: ProcessUser }
  /** The pod asks for another user, and this machine cannot give it: the message says why, and root runs it. */
  | { readonly kind: 'root-instead'; readonly message: string }
  /** The kubelet's words for a specification that contradicts itself. */
  | { readonly kind: 'refused'; readonly message: string }

/** The user of images that are not to run as root and do not say as whom. */
const ANONYMOUS_UID = 65_532

/** What the machine allows. */
export interface UserMachine {
  readonly rootMode: RootMode
  readonly isMapped: (id: number) => boolean
  /** A path that others may not read, although the programs need it; undefined when there is none. */
  readonly unreadable: (paths: readonly string[]) => string | undefined
}

export interface UserOptions {
  readonly machine: UserMachine
  /** What the program must be able to read: the project's directory, its own file. */
  readonly paths: readonly string[]
  /** The image that the name stands for elsewhere runs as root where nobody says otherwise. */
  readonly isRootImage?: boolean
}

export function decideUser(
  pod: Pod,
  container: Container,
  { machine, paths, isRootImage = false }: UserOptions,
): UserDecision {
  const ofPod = pod.spec.securityContext ?? {}
  const own = container.securityContext ?? {}
  const nonRoot = own.runAsNonRoot ?? ofPod.runAsNonRoot ?? false
  const asked = own.runAsUser ?? ofPod.runAsUser
  const subject = `(pod: "${pod.metadata.name}_${pod.metadata.namespace ?? ''}(${pod.metadata.uid ?? ''})", container: ${container.name})`
  if (nonRoot && asked === 0)
    return { kind: 'refused', message: `container's runAsUser breaks non-root policy ${subject}` }
  if (nonRoot && asked === undefined && isRootImage)
    return { kind: 'refused', message: `container has runAsNonRoot and image will run as root ${subject}` }
  const uid = asked ?? (nonRoot ? ANONYMOUS_UID : 0)
  const gid = own.runAsGroup ?? ofPod.runAsGroup ?? (asked === undefined ? uid : 0)
  const fsGroup = ofPod.fsGroup === undefined ? [] : [ofPod.fsGroup]
  const groups = [...new Set([...fsGroup, ...(ofPod.supplementalGroups ?? [])])]
  if (uid === 0 && gid === 0) {
    // Root does without a group that has no meaning here: what it would open is open to root.
    const known = groups.filter((id) => machine.isMapped(id))
    return known.length === 0 ? { kind: 'root' } : { kind: 'user', user: { uid, gid, groups: known } }
  }
  const unmapped = [uid, gid, ...groups].find((id) => !machine.isMapped(id))
  const instead = (why: string): UserDecision => ({
    kind: 'root-instead',
    message: `container ${container.name} runs as root instead of user ${uid}: ${why}`,
  })
  if (unmapped !== undefined)
    return instead(`the id ${unmapped} has no meaning in the user namespace of this node`)
  if (uid !== 0) {
    if (machine.rootMode === 'shared')
      return instead('overlayfs does not work here, so paths cannot be opened for that user')
    const path = machine.unreadable(paths)
    if (path !== undefined) return instead(`${path} is not readable for others`)
  }
  return { kind: 'user', user: { uid, gid, groups } }
}

export function userMachine(rootMode: RootMode): UserMachine {
  const uids = idRanges('/proc/self/uid_map')
  const gids = idRanges('/proc/self/gid_map')
  const within = (ranges: readonly IdRange[], id: number) =>
    ranges.some(({ first, count }) => id >= first && id < first + count)
  return { rootMode, isMapped: (id) => within(uids, id) && within(gids, id), unreadable: firstUnreadable }
}

interface IdRange {
  readonly first: number
  readonly count: number
}

/** The ids that mean something here: inside, outside, count. */
function idRanges(path: string): readonly IdRange[] {
  return readFileSync(path, 'latin1')
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([first = 0, , count = 0]) => ({ first, count }))
}

const READ = 0o004
const READ_AND_ENTER = 0o005

/** Directories above are no matter: the container's own view of them can be entered. */
function firstUnreadable(paths: readonly string[]): string | undefined {
  return paths.find((path) => {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat === undefined) return false
    const wanted = stat.isDirectory() ? READ_AND_ENTER : READ
    return (stat.mode & wanted) !== wanted
  })
}

/** The directories above the paths that others may not enter. */
export function closedAncestors(paths: readonly string[]): readonly string[] {
  const closed = new Set<string>()
  for (const path of paths) {
    for (let above = dirname(path); above !== '/'; above = dirname(above)) {
      const stat = statSync(above, { throwIfNoEntry: false })
      if (stat !== undefined && (stat.mode & 0o001) === 0) closed.add(above)
    }
  }
  return [...closed]
}

/** Who owns the files of the pod's volumes. */
export interface VolumeOwner {
  /** The user of all containers, if it is one and not root: tokens are readable for it alone. */
  readonly user?: number
  readonly group?: number
}

export function volumeOwner(pod: Pod, isMapped: (id: number) => boolean): VolumeOwner {
  const ofPod = pod.spec.securityContext ?? {}
  const users = new Set(
    [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map(
      (container) => container.securityContext?.runAsUser ?? ofPod.runAsUser ?? 0,
    ),
  )
  const [user] = users
  const { fsGroup } = ofPod
  return {
    ...(users.size === 1 && user !== undefined && user !== 0 && isMapped(user) ? { user } : {}),
    ...(fsGroup !== undefined && isMapped(fsGroup) ? { group: fsGroup } : {}),
  }
}
