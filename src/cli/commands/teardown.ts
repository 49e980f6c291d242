import { stateOf } from '../cluster.ts'
import type { CommandCall } from '../command-call.ts'
import { teardownNode } from '../composition/node.ts'

/** The part of `down` that has to be done in the cluster's namespaces. */
export async function run(call: CommandCall): Promise<void> {
  await teardownNode(stateOf(call))
}
