import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../base/index.ts'
import {
  enterWords,
  hasManyIds,
  isInOtherUserNamespace,
  runCommand,
  startDetached,
  startNamespaces,
} from '../../linux/index.ts'
import {
  type ProcessRecord,
  recordPath,
  recordProcess,
  runningProcess,
  signalProcess,
  type StateDirectory,
  writeRecord,
} from '../supervisor/index.ts'

/** Where the cluster's network namespace is found in its mount namespace: a pod's process alone keeps both. */
const CLUSTER_NETNS = '/run/netns/lateen'

/** The process that does nothing but hold the namespaces, under this name among the cluster's. */
export const HOLDER = 'namespaces'
/** Any of these in the namespaces leads into them. */
const CLUSTER_PROCESSES = [HOLDER, 'api-server', 'node-proxy'] as const

export interface ClusterNamespaces {
  /** The words to put before a command that is to run in the cluster's namespaces. */
  readonly enter: () => Promise<readonly string[]>
  /** The words for a command that stays in the machine's network and may go into the cluster's. */
  readonly enterUserOnly: () => Promise<readonly string[]>
  /** Two files: of the user namespace and of the cluster's network namespace, as this machine sees them. */
  readonly files: () => Promise<{ readonly user: string; readonly net: string }>
  /** Whether pods can have users other than root. @returns undefined while there are no namespaces */
  readonly hasManyIds: () => boolean | undefined
  /** Whether anything runs in them. */
  readonly exist: () => boolean
}

export interface ClusterNamespacesOptions {
  readonly state: StateDirectory
  readonly clock: Clock
  /** Called when nothing was left of the namespaces and new ones were made: what was started for the old is of no use. */
  readonly onNew?: () => void
}

/**
 * The namespaces that belong to a state directory; whoever asks for the way into them has them made if need be. One
 * process at a time may do that: the supervisor, or who takes the cluster down.
 */
export function createClusterNamespaces(options: ClusterNamespacesOptions): ClusterNamespaces {
  const { state } = options
  let last: Promise<unknown> = Promise.resolve()
  // Several processes of the cluster are started at the same time.
  const ensure = (): Promise<number> => {
    const next = last.then(() => ensureOnce(options))
    last = next.catch(() => {})
    return next
  }
  return {
    async enter() {
      const pid = await ensure()
      return enterWords({ pid, mount: true, netns: netnsFile(pid) })
    },
    async enterUserOnly() {
      return enterWords({ pid: await ensure() })
    },
    async files() {
      const pid = await ensure()
      return { user: `/proc/${pid}/ns/user`, net: netnsFile(pid) }
    },
    hasManyIds() {
      const pid = processInside(state)
      return pid === undefined ? undefined : hasManyIds(pid)
    },
    exist: () => processInside(state) !== undefined,
  }
}

/** What stands for /etc/resolv.conf in the cluster: the machine's name servers may be out of reach from there. */
export function resolvConfPath(state: StateDirectory): string {
  return join(state.run, 'resolv.conf')
}

function netnsFile(pid: number): string {
  return `/proc/${pid}/root${CLUSTER_NETNS}`
}

/** @returns a process in the namespaces */
async function ensureOnce({ state, clock, onNew }: ClusterNamespacesOptions): Promise<number> {
  const holder = runningProcess(state.run, HOLDER)
  if (holder !== undefined && leadsInside(holder.pid)) return holder.pid
  const inside = processInside(state)
  const command = holderCommand(state)
  if (inside !== undefined) {
    // Somebody has killed the holder: another takes its place, before the last of the others ends.
    const enter = enterWords({ pid: inside, mount: true, netns: netnsFile(inside) })
    record(state, await startDetached([...enter, ...command]))
    return inside
  }
  // One that was not set up to its end, when its maker was killed, leads nowhere.
  if (holder !== undefined) signalProcess(holder, 'SIGKILL')
  const pid = await startNamespaces(command, clock)
  record(state, pid)
  await setUp(pid, state)
  onNew?.()
  return pid
}

async function setUp(pid: number, state: StateDirectory): Promise<void> {
  const [program = '', ...words] = enterWords({ pid, mount: true, netns: `/proc/${pid}/ns/net` })
  const files = [join(state.run, 'new-run'), CLUSTER_NETNS]
  await runCommand(program, [...words, 'sh', '-s', ...files], { input: SETUP })
}

function record(state: StateDirectory, pid: number): void {
  const made = recordProcess(pid)
  if (made === undefined) throw new Error('the process that holds the cluster’s namespaces ended at once')
  writeRecord(recordPath(state.run, HOLDER), made)
}

/** Its command line names the state directory, so that whoever sees it in a list knows whose it is. */
function holderCommand(state: StateDirectory): readonly [string, ...string[]] {
  mkdirSync(state.run, { recursive: true, mode: 0o700 })
  const file = join(state.run, HOLDER)
  writeFileSync(file, '')
  return ['tail', '-f', file]
}

/**
 * /run becomes a file system of the cluster's own, in which pods' network namespaces can have names; what the machine has
 * there is still found, by links. The cluster's network namespace gets a name too.
 */
const SETUP = `set -e
new=$1; netns=$2
mkdir -p "$new"
mount -t tmpfs -o mode=755 lateen-run "$new"
mkdir "$new/machine" "$new/netns"
mount --rbind /run "$new/machine"
for entry in "$new"/machine/*; do
  name=\${entry##*/}
  case "$name" in netns|mount) ;; *) ln -s "machine/$name" "$new/$name" ;; esac
done
mount --no-mtab --move "$new" /run
: > "$netns"
mount --bind /proc/self/ns/net "$netns"
ip link set lo up`

/** Any process in the cluster's user and mount namespaces: one of its own, or the parent of a container. */
function processInside(state: StateDirectory): number | undefined {
  const own = CLUSTER_PROCESSES.flatMap((name) => runningProcess(state.run, name) ?? [])
  return [...own, ...shims(state)].find(({ pid }) => leadsInside(pid))?.pid
}

function leadsInside(pid: number): boolean {
  return isInOtherUserNamespace(pid) && existsSync(netnsFile(pid))
}

/** The node agent leaves the numbers of containers' parents in files; a number may be another process's by now. */
function* shims(state: StateDirectory): Generator<ProcessRecord> {
  for (const file of globSync(join(state.pods, '*/containers/*/*/shim'))) {
    const pid = Number(readFileSync(file, 'utf8').trim())
    const found = Number.isInteger(pid) && pid > 0 ? recordProcess(pid) : undefined
    if (found !== undefined && readCommandLine(pid).includes(state.pods)) yield found
  }
}

function readCommandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return '' // it ended between the two looks
  }
}
