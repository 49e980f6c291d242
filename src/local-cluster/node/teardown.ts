import { existsSync, readdirSync, rmSync } from 'node:fs'
import type { Clock } from '../../base/index.ts'
import { deleteBridge, deleteNetns, listNetns, runCommand } from '../../linux/index.ts'
import { netnsPrefix, podPaths, podsDirectory } from './paths.ts'
import { removeCgroups } from './runtime/cgroups.ts'
import { killShims } from './runtime/container-runtime.ts'
import { deleteSandboxes } from './runtime/sandbox.ts'
import { unmountBelow } from './volume/memory.ts'

export interface TeardownOptions {
  readonly stateDir: string
  readonly clusterId: string
  readonly bridge: string
  /** With prefix length. */
  readonly bridgeAddresses: readonly string[]
  /** nft tables of the host to remove, such as `ip lateen`. */
  readonly tables: readonly string[]
  readonly clock: Clock
}

/**
 * Takes away everything the node has put on the machine: processes, namespaces, links, rules, pod directories.
 * Only processes that the state directory records as ours are ended. Safe to repeat, and after kill -9 of
 * everything; node agent and node proxy must not be running: a socket of theirs would keep a namespace.
 */
export async function teardownNode(options: TeardownOptions): Promise<void> {
  const { stateDir, clusterId, clock } = options
  const directory = podsDirectory(stateDir)
  const uids = existsSync(directory) ? readdirSync(directory) : []
  const pods = uids.map((uid) => ({ uid, paths: podPaths({ stateDir, clusterId, uid }) }))
  await Promise.all(pods.map(({ paths }) => killShims(paths, clock)))
  await deleteSandboxes(pods, clock)
  await unmountBelow(directory)
  for (const { paths } of pods) rmSync(paths.root, { recursive: true, force: true })
  removeCgroups(clusterId)
  // Namespaces whose directory somebody has deleted.
  for (const name of listNetns(netnsPrefix(clusterId))) await deleteNetns(name)
  await deleteBridge(options.bridge, options.bridgeAddresses)
  const remove = options.tables.map((table) => `table ${table}\ndelete table ${table}\n`).join('')
  if (remove !== '') await runCommand('nft', ['-f', '-'], { input: remove })
}
