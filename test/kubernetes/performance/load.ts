import { percentile } from '../../../bench/figures.ts'
import { cpuMilliseconds, pssMegabytes } from '../../../bench/processes.ts'
import type { Server } from '../servers.ts'

const WARM_UP_MS = 1_000
const RUN_MS = 3_000

export interface Load {
  readonly perSecond: number
  readonly median: number
  readonly p99: number
  /** the server's CPU time per request, ms */
  readonly cpu: number
}

/** Sends one request after another from each client for some seconds. @param send gets the number of its client */
export async function load(
  server: Server,
  clients: number,
  send: (client: number) => Promise<unknown>,
): Promise<Load> {
  const run = async (milliseconds: number): Promise<readonly number[]> => {
    const times: number[] = []
    const end = performance.now() + milliseconds
    const client = async (number: number) => {
      for (let now = performance.now(); now < end; now = performance.now()) {
        await send(number)
        times.push(performance.now() - now)
      }
    }
    await Promise.all(Array.from({ length: clients }, (_, number) => client(number)))
    return times
  }
  await run(WARM_UP_MS)
  const [started, before] = [performance.now(), processorTime(server)]
  const times = await run(RUN_MS)
  const seconds = (performance.now() - started) / 1000
  return {
    perSecond: times.length / seconds,
    median: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    cpu: (processorTime(server) - before) / times.length,
  }
}

/** Does something so many times, by 32 workers. @returns the seconds it took */
export async function inParallel(
  count: number,
  action: (index: number) => Promise<unknown>,
): Promise<number> {
  const started = performance.now()
  let next = 0
  const worker = async () => {
    for (let index = next++; index < count; index = next++) await action(index)
  }
  await Promise.all(Array.from({ length: 32 }, worker))
  return (performance.now() - started) / 1000
}

/** All its processes together, MB. */
export const memory = (server: Server) => server.pids.reduce((sum, pid) => sum + pssMegabytes(pid), 0)

const processorTime = (server: Server) => server.pids.reduce((sum, pid) => sum + cpuMilliseconds(pid), 0)
