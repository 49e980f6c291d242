import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import type { Clock } from '../base/index.ts'
import { runCommand } from './command.ts'
import type { Refusal } from './user-namespace-refusal.ts'

/** Bits of CapEff in /proc/self/status. @see capabilities(7) */
const CAP_NET_ADMIN = 12n
const CAP_SYS_ADMIN = 21n

/** Whether this process may make network namespaces, links and mounts by itself: root, but not in every container. */
export function isPrivileged(): boolean {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(ownStatus())?.[1] ?? '0'}`)
  return [CAP_NET_ADMIN, CAP_SYS_ADMIN].every((bit) => (effective >> bit) % 2n === 1n)
}

function ownStatus(): string {
  return readFileSync('/proc/self/status', 'latin1')
}

/** Does once what a cluster in a user namespace needs. @returns why it did not work; undefined when it did */
export function tryUserNamespace(): Refusal | undefined {
  const made = ['--user', '--map-root-user', '--net', '--mount', '--pid', '--fork']
  // The namespaces first: a /proc that is partly hidden is another matter than a user who may not make any.
  for (const [step, command] of [
    ['namespaces', ['true']],
    ['proc', ['mount', '-t', 'proc', 'proc', '/proc']],
  ] as const) {
    const { status, stderr, error } = spawnSync('unshare', [...made, ...command], { encoding: 'utf8' })
    if (status === 0) continue
    return {
      step,
      words: (error?.message ?? stderr).trim(),
      setting: (name) => readIfThere(`/proc/sys/${name.replaceAll('.', '/')}`)?.trim(),
      isFiltered: /^Seccomp:\s*2$/m.test(ownStatus()),
    }
  }
  return undefined
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}

/** How often and how long a process that was just started is looked at for its namespaces. */
const LOOK_MS = 5
const NAMESPACES_WAIT_MS = 10_000

/**
 * Starts a process that does nothing but hold a new user namespace with network and mount namespaces of its own, and
 * gives the namespace its ids: this user is root in it, and the ranges of /etc/subuid and /etc/subgid are its other users
 * where the machine has `newuidmap`. The process outlives this one.
 * @param command of the process, such as `sleep infinity`
 * @returns its number
 */
export async function startNamespaces(
  command: readonly [string, ...string[]],
  clock: Clock,
): Promise<number> {
  const pid = await startDetached(['unshare', '--user', '--net', '--mount', '--', ...command])
  try {
    const deadline = clock.monotonic() + NAMESPACES_WAIT_MS
    // The mount namespace is made last: unshare changes how its mounts propagate before it runs the command.
    while (!runsIn(pid, command[0])) {
      if (hasEnded(pid) || clock.monotonic() > deadline)
        throw new Error('unshare --user --net --mount made no namespaces')
      await clock.sleep(LOOK_MS)
    }
    await giveIds(pid)
    return pid
  } catch (error) {
    if (!hasEnded(pid)) process.kill(pid, 'SIGKILL')
    throw error
  }
}

/** Starts a process in a session of its own, without input and output. @returns its number */
export async function startDetached(words: readonly string[]): Promise<number> {
  const [command = '', ...args] = words
  const child = spawn(command, args, { detached: true, stdio: 'ignore' })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  child.unref()
  return child.pid ?? 0
}

/** While a program takes the place of another the command line is empty. */
function runsIn(pid: number, program: string): boolean {
  return readIfThere(`/proc/${pid}/cmdline`)?.split('\0')[0] === program && isInOtherUserNamespace(pid)
}

function hasEnded(pid: number): boolean {
  const stat = readIfThere(`/proc/${pid}/stat`)
  return stat === undefined || stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')
}

/** Whether the process lives, is this user's, and in another user namespace than this process. */
export function isInOtherUserNamespace(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/user`) !== readlinkSync('/proc/self/ns/user')
  } catch {
    return false
  }
}

async function giveIds(pid: number): Promise<void> {
  const uid = process.geteuid?.() ?? 0
  const gid = process.getegid?.() ?? 0
  const owners = [String(uid), ...ownName()]
  const gids = subordinateIds('/etc/subgid', owners)
  const uids = subordinateIds('/etc/subuid', owners)
  const hasGroups = gids !== undefined && (await mapRange('newgidmap', mapWords(pid, gid, gids)))
  if (!hasGroups) {
    // The kernel lets an ordinary user map its own group only where nobody can leave a group.
    writeFileSync(`/proc/${pid}/setgroups`, 'deny')
    writeFileSync(`/proc/${pid}/gid_map`, `0 ${gid} 1`)
  }
  const hasUsers = hasGroups && uids !== undefined && (await mapRange('newuidmap', mapWords(pid, uid, uids)))
  if (!hasUsers) writeFileSync(`/proc/${pid}/uid_map`, `0 ${uid} 1`)
}

/** @returns false where the command is not installed or refuses: then there is one id, and `hasManyIds` tells so */
function mapRange(command: string, words: readonly string[]): Promise<boolean> {
  return runCommand(command, words).then(
    () => true,
    () => false,
  )
}

interface IdRange {
  readonly first: number
  readonly count: number
}

function mapWords(pid: number, own: number, { first, count }: IdRange): readonly string[] {
  return [String(pid), '0', String(own), '1', '1', String(first), String(count)]
}

/** The user's name; a user of a container need not have one. */
function ownName(): readonly string[] {
  try {
    return [userInfo().username]
  } catch {
    return []
  }
}

/** The first range that the file gives the user, by name or by number. @see subuid(5) */
function subordinateIds(path: string, owners: readonly string[]): IdRange | undefined {
  for (const line of (readIfThere(path) ?? '').split('\n')) {
    const [owner = '', first, count] = line.split(':')
    if (owners.includes(owner) && Number(count) > 0) return { first: Number(first), count: Number(count) }
  }
  return undefined
}

/** Whether the user namespace of the process knows more users than root. */
export function hasManyIds(pid: number): boolean {
  return (readIfThere(`/proc/${pid}/uid_map`) ?? '').trim().split('\n').length > 1
}

/** Which namespaces of a process to enter; the user namespace always, for without it there is no right to the others. */
export interface EnterOptions {
  readonly pid: number
  readonly mount?: boolean
  /** A file of the network namespace, which need not be the process's own. */
  readonly netns?: string
}

/** The words to put before a command. The user keeps being itself, which is root inside, with all capabilities. */
export function enterWords({ pid, mount, netns }: EnterOptions): readonly string[] {
  return [
    'nsenter',
    '--target',
    String(pid),
    '--user',
    '--preserve-credentials',
    ...(netns === undefined ? [] : [`--net=${netns}`]),
    ...(mount === true ? ['--mount'] : []),
    '--',
  ]
}
