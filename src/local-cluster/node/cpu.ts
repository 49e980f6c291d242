import { readFileSync } from 'node:fs'
import type { HostedClient } from './hosted/client.ts'
import { isRunning, type Slot } from './pod/slot.ts'
import { descendantsOf } from './runtime/descendants.ts'
import { initPid } from './runtime/process-container.ts'

/** Length of a kernel tick in /proc/PID/stat: USER_HZ is 100 on every Linux. */
const TICK_MS = 10

/** CPU that the running containers have used since their start. */
export function cpuOf(slots: readonly Slot[], hosted: HostedClient): number {
  return slots.filter((slot) => isRunning(slot)).reduce((sum, slot) => sum + containerCpuMs(slot, hosted), 0)
}

/** CPU that a container has used since its start. */
export function containerCpuMs(slot: Slot, hosted: HostedClient): number {
  const { run } = slot
  if (run === undefined) return 0
  if (run.record.kind === 'hosted') return hosted.cpuMs(run.record.id) ?? 0
  return containerProcesses(slot).reduce((sum, pid) => sum + processCpuMs(pid), 0)
}

/** A container's processes are the descendants of its first one, to whom orphans go: it is the first of a namespace. */
export function containerProcesses(slot: Slot): readonly number[] {
  const root = slot.run === undefined ? undefined : initPid(slot.run.directory)
  return root === undefined ? [] : descendantsOf(root)
}

function processCpuMs(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // utime, stime and those of children that have ended and were waited for.
    return [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index] ?? 0), 0) * TICK_MS
  } catch {
    return 0 // the process ended between two reads: its parent's figure has it now
  }
}
