import { readFileSync } from 'node:fs'
import { cpus, freemem, totalmem } from 'node:os'
import type { NodeApi, PodUsage } from '../apiserver/index.ts'
import type { NodeContext } from './context.ts'
import { containerCpuMs, containerProcesses } from './cpu.ts'
import { isRunning, type Slot } from './pod/slot.ts'
import type { PodWorker } from './pod/worker.ts'

/** How often CPU is noted: a figure is over one to two of these. */
const SAMPLE_MS = 10_000
/** Less says more about the clock than about the program. */
const WINDOW_MIN_MS = 1000

interface Sample {
  readonly atMs: number
  readonly cpuMs: number
}

/** Newest last; two are enough. */
type Samples = readonly Sample[]

/** CPU and memory of containers and node, for metrics.k8s.io. */
export function createUsageApi(options: {
  readonly workers: ReadonlyMap<string, PodWorker>
  readonly context: NodeContext
}): { readonly api: Pick<NodeApi, 'podUsage' | 'nodeUsage'>; readonly stop: () => void } {
  const { workers, context } = options
  const { clock, hosted } = context
  let samples = new Map<string, Samples>()
  let machine: Samples = [machineCpu(clock.now())]
  let cancel = () => {}
  const sampleAll = () => {
    const next = new Map<string, Samples>()
    for (const worker of workers.values()) {
      for (const slot of worker.slots()) {
        if (slot.run === undefined || !isRunning(slot)) continue
        const sample = { atMs: clock.now(), cpuMs: containerCpuMs(slot, hosted) }
        next.set(slot.run.record.id, [...(samples.get(slot.run.record.id) ?? []).slice(-1), sample])
      }
    }
    samples = next
    machine = [...machine.slice(-1), machineCpu(clock.now())]
    cancel = clock.after(SAMPLE_MS, sampleAll)
  }
  cancel = clock.after(SAMPLE_MS, sampleAll)
  const baseOf = (slot: Slot, nowMs: number): Sample => {
    const { id = '', startedAtMs = nowMs } = slot.run?.record ?? {}
    return (
      samples.get(id)?.find(({ atMs }) => nowMs - atMs >= WINDOW_MIN_MS) ?? { atMs: startedAtMs, cpuMs: 0 }
    )
  }
  return {
    api: {
      podUsage: (podUid) => {
        const slots = workers.get(podUid)?.slots().filter(isRunning) ?? []
        return slots.length === 0 ? undefined : podUsage(slots, { context, workers, baseOf })
      },
      nodeUsage() {
        const now = machineCpu(clock.now())
        const base = machine.find(({ atMs }) => now.atMs - atMs >= WINDOW_MIN_MS) ?? { atMs: 0, cpuMs: 0 }
        return {
          node: context.nodeName,
          atMs: now.atMs,
          windowMs: now.atMs - base.atMs,
          cpuNanocores: nanocores(now, base),
          memoryBytes: totalmem() - availableMemory(),
        }
      },
    },
    stop: () => cancel(),
  }
}

function podUsage(
  slots: readonly Slot[],
  options: {
    readonly context: NodeContext
    readonly workers: ReadonlyMap<string, PodWorker>
    readonly baseOf: (slot: Slot, nowMs: number) => Sample
  },
): PodUsage {
  const { clock, hosted } = options.context
  const atMs = clock.now()
  let windowMs = 0
  const containers = slots.map((slot) => {
    const base = options.baseOf(slot, atMs)
    windowMs = Math.max(windowMs, atMs - base.atMs)
    const cpuNanocores = nanocores({ atMs, cpuMs: containerCpuMs(slot, hosted) }, base)
    return { name: slot.name, cpuNanocores, memoryBytes: memoryOf(slot, options) }
  })
  return { atMs, windowMs, containers }
}

/** One core is a thousand million. */
function nanocores(now: Sample, base: Sample): number {
  const elapsedMs = Math.max(1, now.atMs - base.atMs)
  return Math.max(0, Math.round(((now.cpuMs - base.cpuMs) / elapsedMs) * 1e9))
}

/** Proportional set sizes: what processes share is counted once among them. */
function memoryOf(
  slot: Slot,
  options: { readonly context: NodeContext; readonly workers: ReadonlyMap<string, PodWorker> },
): number {
  if (slot.run?.record.kind === 'hosted') return hostedMemory(options)
  return containerProcesses(slot).reduce((sum, pid) => sum + proportionalBytes(pid), 0)
}

/** Instances in the node proxy share one heap: each is given an equal part of it. */
function hostedMemory(options: {
  readonly context: NodeContext
  readonly workers: ReadonlyMap<string, PodWorker>
}): number {
  const pid = options.context.hosted.proxyPid()
  if (pid === undefined) return 0
  const hosted = [...options.workers.values()]
    .flatMap((worker) => worker.slots())
    .filter((slot) => isRunning(slot) && slot.run?.record.kind === 'hosted')
  return Math.round(proportionalBytes(pid) / Math.max(1, hosted.length))
}

function proportionalBytes(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
    return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024
  } catch {
    return 0 // it ended between the look and the read
  }
}

function machineCpu(atMs: number): Sample {
  const cpuMs = cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0)
  return { atMs, cpuMs }
}

function availableMemory(): number {
  const kilobytes = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1]
  return kilobytes === undefined ? freemem() : Number(kilobytes) * 1024
}
