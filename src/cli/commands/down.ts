import { existsSync, readdirSync, rmSync } from 'node:fs'
import { messageOf, systemClock } from '../../base/index.ts'
import { isPrivileged, runCommand } from '../../linux/index.ts'
import { type StateDirectory, stopProcesses } from '../../local-cluster/index.ts'
import { createClusterNamespaces } from '../../local-cluster/rootless/index.ts'
import { stateOf } from '../cluster.ts'
import type { CommandCall } from '../command-call.ts'
import { teardownNode } from '../composition/node.ts'
import { LAST_PROCESS, STOPPED_PROCESSES } from '../composition/processes.ts'
import { selfCommand } from '../environment.ts'
import { CliError } from '../exit.ts'

const GRACE_MS = 5_000
const TEARDOWN_MS = 60_000

export async function run(call: CommandCall): Promise<void> {
  await down(call, { delete: call.options['delete'] === true, print: (line) => console.log(line) })
}

/** Stops everything that belongs to the cluster and takes away its namespaces, links and rules. Harmless when it is down. */
export async function down(
  call: CommandCall,
  options: { readonly delete: boolean; readonly print: (line: string) => void },
): Promise<void> {
  const state = stateOf(call)
  if (!existsSync(state.root)) {
    options.print(`There is no cluster in ${state.root}.`)
    return
  }
  const stop = { runDirectory: state.run, clock: systemClock, graceMs: GRACE_MS }
  await stopProcesses(STOPPED_PROCESSES, stop)
  if (isPrivileged()) await teardownNode(state)
  else await teardownInside(state)
  await stopProcesses([LAST_PROCESS], stop)
  if (options.delete) rmSync(state.root, { recursive: true, force: true })
  options.print(`✔ The cluster is down${options.delete ? ' and its data deleted' : ''}`)
}

/**
 * Pods' files may belong to users that exist only in the cluster's user namespace, so one is made where none is left.
 * Links and rules go with the network namespace.
 */
async function teardownInside(state: StateDirectory): Promise<void> {
  const namespaces = createClusterNamespaces({ state, clock: systemClock })
  const hasPods = existsSync(state.pods) && readdirSync(state.pods).length > 0
  if (!hasPods && !namespaces.exist()) return
  const { command, args } = selfCommand(['teardown', '--state-dir', state.root])
  const [program = '', ...words] = [...(await namespaces.enter()), command, ...args]
  try {
    await runCommand(program, words, { timeoutMs: TEARDOWN_MS })
  } catch (error) {
    throw new CliError(`the pods were not taken away: ${messageOf(error)}`)
  }
}
