import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../base/index.ts'
import { deleteLink, deleteNetns, listNetns, runCommand } from '../../linux/index.ts'
import { netnsPrefix, podPaths, podsDirectory } from './paths.ts'
import { killShims } from './runtime/container-runtime.ts'
import { deleteSandbox } from './runtime/sandbox.ts'

export interface TeardownOptions {
  readonly stateDir: string
  readonly clusterId: string
  readonly bridge: string
  /** nft tables of the host to remove, such as `ip lateen`. */
  readonly tables: readonly string[]
  readonly clock: Clock
}

/**
 * Takes away everything the node has put on the machine: processes, namespaces, links, rules, pod directories.
 * Only processes that the state directory records as ours are ended. Safe to repeat, and after kill -9 of
 * everything; the node agent must not be running.
 */
export async function teardownNode(options: TeardownOptions): Promise<void> {
  const { stateDir, clusterId, clock } = options
  const directory = podsDirectory(stateDir)
  for (const uid of existsSync(directory) ? readdirSync(directory) : []) {
    const paths = podPaths({ stateDir, clusterId, uid })
    await killShims(paths, clock)
    await deleteSandbox(paths, uid)
    rmSync(join(directory, uid), { recursive: true, force: true })
  }
  // Namespaces whose directory somebody has deleted.
  for (const name of listNetns(netnsPrefix(clusterId))) await deleteNetns(name)
  await deleteLink(options.bridge)
  const remove = options.tables.map((table) => `table ${table}\ndelete table ${table}\n`).join('')
  if (remove !== '') await runCommand('nft', ['-f', '-'], { input: remove })
}
