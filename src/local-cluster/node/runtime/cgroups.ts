import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Logger, messageOf } from '../../../base/index.ts'
import { type Container, parseQuantity } from '../../../kube/index.ts'
import { readTextIfExists } from '../files.ts'

/** The resource limits of containers, through version 2 of control groups. */
export interface Cgroups {
  /**
   * Makes the group of one run of a container.
   * @param key unique to the run, and beginning with its pod's
   * @returns the group's directory; undefined where there is nothing to limit, or no way to
   */
  readonly create: (key: string, container: Container) => string | undefined
  /** Gives a running container other limits; one that had none so far has them with its next start. */
  readonly resize: (key: string, container: Container) => void
  /** Removes the groups whose processes have ended. @param prefix of their keys */
  readonly remove: (prefix: string) => void
}

/** What limits mean in the kernel's words: file names and their content. */
export function limitFiles({ resources }: Container): readonly (readonly [string, string])[] {
  const limit = (name: string) => parseQuantity(resources?.limits?.[name] ?? '')?.nanos
  const cpu = limit('cpu')
  const memory = limit('memory')
  const request = parseQuantity(resources?.requests?.['cpu'] ?? '')?.nanos
  const files: (readonly [string, string])[] = []
  if (cpu !== undefined && cpu > 0n) {
    const quotaUs = Number((cpu * BigInt(PERIOD_US)) / NANOS)
    files.push(['cpu.max', `${Math.max(QUOTA_MIN_US, quotaUs)} ${PERIOD_US}`])
  }
  if (memory !== undefined && memory > 0n) {
    // One process too many ends the container, not a part of it.
    files.push(['memory.max', String(memory / NANOS)], ['memory.swap.max', '0'], ['memory.oom.group', '1'])
  }
  if (request !== undefined && request > 0n) files.push(['cpu.weight', String(weightOf(request))])
  return files
}

const OPTIONAL_FILES = ['memory.swap.max', 'memory.oom.group']

const NANOS = 1_000_000_000n
const PERIOD_US = 100_000
/** The kernel takes no less. */
const QUOTA_MIN_US = 1000

/** Kubernetes' way from thousandths of a core by shares (2..262144) to weights (1..10000). */
function weightOf(cpuNanos: bigint): number {
  const shares = Math.min(262_144, Math.max(2, Number((cpuNanos * 1024n) / NANOS)))
  return Math.floor(1 + ((shares - 2) * 9999) / 262_142)
}

/** Whether the kernel has ended a process of the group for want of memory. */
export function wasOutOfMemory(group: string): boolean {
  const events = readTextIfExists(join(group, 'memory.events')) ?? ''
  return Number(/^oom_kill (\d+)$/m.exec(events)?.[1] ?? 0) > 0
}

/**
 * @param root where version 2 is mounted; undefined finds it. Where the machine has none, or does not let this
 *   process use it, that is said once and containers run without limits.
 */
export function createCgroups(options: {
  readonly clusterId: string
  readonly logger: Logger
  readonly root?: string
}): Cgroups {
  const top = prepareTop(options)
  const filesOf = (container: Container) =>
    limitFiles(container).filter(([name]) => top?.has(name.slice(0, name.indexOf('.'))))
  const write = (group: string, files: ReturnType<typeof limitFiles>) => {
    for (const [name, content] of files) {
      // A kernel without swap accounting has no file for it, and an old one none for whole groups.
      if (!OPTIONAL_FILES.includes(name) || existsSync(join(group, name)))
        writeFileSync(join(group, name), content)
    }
  }
  return {
    create(key, container) {
      const files = filesOf(container)
      if (top === undefined || files.length === 0) return undefined
      const group = join(top.path, key)
      mkdirSync(group, { recursive: true })
      write(group, files)
      return group
    },
    resize(key, container) {
      if (top === undefined || !existsSync(join(top.path, key))) return
      try {
        write(join(top.path, key), filesOf(container))
      } catch (error) {
        options.logger.warn('a running container keeps its limits', { group: key, error: messageOf(error) })
      }
    },
    remove(prefix) {
      if (top === undefined) return
      for (const name of readdirSync(top.path)) {
        if (name.startsWith(prefix) && existsSync(join(top.path, name, 'cgroup.procs')))
          removeGroup(join(top.path, name))
      }
    },
  }
}

/** Takes away everything that a cluster has put there; its processes must have ended. */
export function removeCgroups(clusterId: string): void {
  const root = mountOf('cgroup2')
  const top = root === undefined ? undefined : join(root, topName(clusterId))
  if (top === undefined || !existsSync(top)) return
  for (const entry of readdirSync(top, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroup(join(top, entry.name))
  removeGroup(top)
}

function topName(clusterId: string): string {
  return `lateen-${clusterId}`
}

/** A group that still has processes, or groups that a program has made, stays: whoever ends them removes it later. */
function removeGroup(path: string): void {
  try {
    rmdirSync(path)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code !== 'EBUSY' && code !== 'ENOTEMPTY') throw error
  }
}

interface Top {
  readonly path: string
  /** Whether the groups below have this controller. */
  readonly has: (controller: string) => boolean
}

function prepareTop({
  clusterId,
  logger,
  root = mountOf('cgroup2'),
}: {
  readonly clusterId: string
  readonly logger: Logger
  readonly root?: string | undefined
}): Top | undefined {
  const without = (why: string) => {
    logger.info('resource limits of containers have no effect', { reason: why })
    return undefined
  }
  if (root === undefined) return without('this machine has no control groups of version 2')
  const offered = words(readTextIfExists(join(root, 'cgroup.controllers')))
  const wanted = ['cpu', 'memory'].filter((controller) => offered.includes(controller))
  if (wanted.length === 0) return without(`${root} offers neither cpu nor memory`)
  const path = join(root, topName(clusterId))
  const enable = wanted.map((controller) => `+${controller}`).join(' ')
  try {
    writeFileSync(join(root, 'cgroup.subtree_control'), enable)
    mkdirSync(path, { recursive: true })
    writeFileSync(join(path, 'cgroup.subtree_control'), enable)
  } catch (error) {
    return without(messageOf(error))
  }
  return { path, has: (controller) => wanted.includes(controller) }
}

function mountOf(type: string): string | undefined {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  return lines.map((line) => line.split(' ')).find((fields) => fields[fields.indexOf('-') + 1] === type)?.[4]
}

function words(text: string | undefined): readonly string[] {
  return (text ?? '').trim().split(/\s+/)
}
