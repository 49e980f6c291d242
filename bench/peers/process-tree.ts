import { readdirSync, readFileSync } from 'node:fs'

/** USER_HZ, which is 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100

export interface CpuTime {
  readonly userMs: number
  readonly systemMs: number
}

/** A process and its descendants: nginx works in children of its own. */
export function processTree(pid: number): readonly number[] {
  const children = new Map<number, number[]>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const parent = Number(statOf(Number(entry))?.[1] ?? 0)
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)])
  }
  const below = (one: number): readonly number[] => [one, ...(children.get(one) ?? []).flatMap(below)]
  return below(pid)
}

/** Of all of them so far, and of their threads. */
export function cpuTime(pids: readonly number[]): CpuTime {
  const times = pids.map((pid) => statOf(pid))
  const sum = (field: number) =>
    times.reduce((total, fields) => total + (Number(fields?.[field] ?? 0) / TICKS_PER_SECOND) * 1000, 0)
  return { userMs: sum(11), systemMs: sum(12) }
}

export function rssMegabytes(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return sum + Number(kilobytes) / 1024
  }, 0)
}

/** From the third field on. @returns undefined when it ended between the two looks */
function statOf(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
