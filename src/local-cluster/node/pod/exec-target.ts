import type { NodeContext } from '../context.ts'
import { podPaths } from '../paths.ts'
import type { ExecTarget } from '../runtime/exec-command.ts'
import { isRunning, type Slot } from './slot.ts'

/** @returns undefined for a container in which nothing can be run now */
export function execTargetOf(context: NodeContext, slot: Slot): ExecTarget | undefined {
  if (slot.run === undefined || !isRunning(slot)) return undefined
  const { directory } = slot.run
  if (slot.run.record.kind !== 'hosted') return { kind: 'process', directory }
  const { stateDir, clusterId, rootMode, visiblePaths } = context
  const pathsOf = (uid: string) => podPaths({ stateDir, clusterId, uid })
  return { kind: 'hosted', directory, pathsOf, rootMode, visiblePaths }
}
