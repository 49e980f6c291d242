import { setTimeout as sleep } from 'node:timers/promises'
import { type Figure, percentile } from './figures.ts'
import type { Poller, Seen } from './poller.ts'
import type { Routes } from './routes.ts'

/** Each of these gives, per change, ms from the API server's answer to the first answer from the new destination. */
export interface ChangesOptions {
  readonly routes: Routes
  readonly poller: Poller
  readonly count: number
  readonly signal: AbortSignal
}

/** Switches one route after another between the two backends. */
export async function changeOneByOne(options: ChangesOptions): Promise<readonly number[]> {
  const latencies: number[] = []
  for (let change = 0; change < options.count; change++) {
    options.signal.throwIfAborted()
    latencies.push(await flipAndSee(options, spread(change, options.routes.size())))
  }
  return latencies
}

/** Edits that do not wait for each other: a control plane that holds changes back shows here. */
export async function changeInStream(
  options: ChangesOptions & { readonly everyMs: number },
): Promise<readonly number[]> {
  const started = performance.now()
  const latencies: Promise<number>[] = []
  for (let change = 0; change < options.count; change++) {
    options.signal.throwIfAborted()
    const index = spread(change, options.routes.size())
    latencies.push(flipAndSee(options, index))
    const rest = started + (change + 1) * options.everyMs - performance.now()
    if (rest > 0) await sleep(rest, undefined, { signal: options.signal })
  }
  return Promise.all(latencies)
}

/** Adds a route, and takes it away again before the next, so that the number of routes stays. */
export async function addOneByOne(options: ChangesOptions): Promise<readonly number[]> {
  const { routes, poller } = options
  const latencies: number[] = []
  for (let change = 0; change < options.count; change++) {
    options.signal.throwIfAborted()
    const path = routes.passingPath(change)
    const seen = poller.until(path, (answer) => answer.version !== undefined)
    latencies.push(await since(await routes.add(change), seen))
    const gone = poller.until(path, (answer) => answer.version === undefined)
    await routes.remove(change)
    await gone
  }
  return latencies
}

/** @param most the goals; none: the figures stand there for comparison */
export function latencyFigures(
  name: string,
  latencies: readonly number[],
  most?: { readonly p50Ms: number; readonly p99Ms?: number },
): readonly Figure[] {
  return [
    {
      name: `${name}, p50`,
      value: percentile(latencies, 0.5),
      unit: 'ms',
      ...(most === undefined ? {} : { most: most.p50Ms }),
    },
    {
      name: `${name}, p99`,
      value: percentile(latencies, 0.99),
      unit: 'ms',
      ...(most?.p99Ms === undefined ? {} : { most: most.p99Ms }),
    },
  ]
}

/** Over all routes, so that neither the first nor the last of the table is favoured. */
function spread(change: number, routes: number): number {
  return (change * 7919) % routes
}

async function flipAndSee({ routes, poller }: ChangesOptions, index: number): Promise<number> {
  const before = routes.backend(index).version
  const seen = poller.until(routes.path(index), ({ version }) => version !== undefined && version !== before)
  return since(await routes.flip(index), seen)
}

/** Zero when the answer over the new route came even before the API server's answer was read. */
async function since(answered: number, seen: Promise<Seen>): Promise<number> {
  return Math.max(0, (await seen).at - answered)
}
