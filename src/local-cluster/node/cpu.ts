import { readFileSync } from 'node:fs'
import type { HostedClient } from './hosted/client.ts'
import { isRunning, type Slot } from './pod/slot.ts'
import { initPid } from './runtime/process-container.ts'

/** Length of a kernel tick in /proc/PID/stat: USER_HZ is 100 on every Linux. */
const TICK_MS = 10
/** Processes looked at in one container: enough for any real one, a bound for a fork bomb. */
const PROCESSES_MAX = 4096

/** CPU that the running containers have used since their start. */
export function cpuOf(slots: readonly Slot[], hosted: HostedClient): number {
  let totalMs = 0
  for (const slot of slots) {
    if (!isRunning(slot) || slot.run === undefined) continue
    const { record, directory } = slot.run
    if (record.kind === 'hosted') totalMs += hosted.cpuMs(record.id) ?? 0
    else totalMs += processTreeCpuMs(initPid(directory))
  }
  return totalMs
}

/** A container's processes are the descendants of its first one, to whom orphans go: it is the first of a namespace. */
function processTreeCpuMs(root: number | undefined): number {
  let totalMs = 0
  const open = root === undefined ? [] : [root]
  for (let seen = 0; open.length > 0 && seen < PROCESSES_MAX; seen += 1) {
    const pid = open.pop() ?? 0
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      // utime, stime and those of children that have ended and were waited for.
      totalMs += [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index] ?? 0), 0) * TICK_MS
      open.push(...childrenOf(pid))
    } catch {
      // The process ended between two reads: its parent's figure has it now.
    }
  }
  return totalMs
}

function childrenOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim()
  return text === '' ? [] : text.split(' ').map(Number)
}
