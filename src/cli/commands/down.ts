import { existsSync, rmSync } from 'node:fs'
import { systemClock } from '../../base/index.ts'
import { stopProcesses } from '../../local-cluster/index.ts'
import { stateOf } from '../cluster.ts'
import type { CommandCall } from '../command-call.ts'
import { teardownNode } from '../composition/node.ts'

const GRACE_MS = 5_000

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
  // The supervisor first, or it would start the others again.
  await stopProcesses(['supervisor', 'api-server', 'node-proxy'], stop)
  await teardownNode(state)
  if (options.delete) rmSync(state.root, { recursive: true, force: true })
  options.print(`✔ The cluster is down${options.delete ? ' and its data deleted' : ''}`)
}
