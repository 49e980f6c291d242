import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createClient } from './performance/client.ts'
import { type Part, type Row, tableOf, textOf } from './performance/figures.ts'
import { memory } from './performance/load.ts'
import {
  type Bench,
  fillMany,
  makeNamespace,
  measureFanOut,
  measureInitialEvents,
  measureLargeLists,
  measurePods,
  measureRequests,
} from './performance/phases.ts'
import type { Server } from './servers.ts'

interface Options {
  readonly directory: string
  readonly print: (line: string) => void
  readonly ours: () => Promise<Server>
  readonly reference: () => Promise<Server>
}

const MANY = 50_000
/** For one server. Both together stay within eight minutes, or the run fails. */
const DEADLINE_MS = 230_000

/**
 * The same requests to both, one server after the other, each alone on the machine with the client. The client is one
 * process of this machine: where it is the limit, the server's CPU time per request tells them apart.
 */
export async function measureAll(options: Options): Promise<void> {
  const lateen = await measure(options.ours, 'lateen', options.print)
  const kubernetes = await measure(options.reference, 'kubernetes', options.print)
  options.print('\nOf requests: how many a second, p99, the server’s CPU time for each.\n')
  for (const line of tableOf(lateen, kubernetes)) options.print(line)
  writeFileSync(
    join(options.directory, '..', 'lateen-kubernetes-performance.json'),
    JSON.stringify({ lateen, kubernetes }),
  )
}

async function measure(
  start: () => Promise<Server>,
  who: string,
  print: (line: string) => void,
): Promise<readonly Row[]> {
  const rows: Row[] = []
  const note = (name: string, ...parts: readonly Part[]) => {
    const row = { name, parts }
    rows.push(row)
    print(`  ${who}: ${name}: ${textOf(row)}`)
  }
  const first = await start()
  await first.stop()
  const server = await start()
  note('start: new state, later', [first.startSeconds, ' s'], [server.startSeconds, ' s'])
  await within(DEADLINE_MS, server, () => phases(server, note))
  await server.stop()
  const again = await start()
  note(
    `start with ${MANY.toLocaleString('en')} objects; memory then`,
    [again.startSeconds, ' s'],
    [memory(again), ' MB'],
  )
  await again.stop()
  rmSync(server.directory, { recursive: true, force: true })
  return rows
}

async function phases(server: Server, note: Bench['note']): Promise<void> {
  const client = createClient(server)
  const bench: Bench = { server, client, note }
  try {
    await makeNamespace(bench)
    note('memory, empty', [memory(server), ' MB'])
    await fillMany(bench, MANY)
    note(`memory with ${MANY.toLocaleString('en')} objects more`, [memory(server), ' MB'])
    await measureRequests(bench)
    await measurePods(bench)
    await measureFanOut(bench)
    await measureLargeLists(bench, MANY)
    await measureInitialEvents(bench, MANY)
    note('memory after all this', [memory(server), ' MB'])
  } finally {
    client.close()
  }
}

/** Stops the server when it fails or takes too long. */
async function within(milliseconds: number, server: Server, action: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${server.name} was not measured within ${milliseconds / 1000} s`)),
      milliseconds,
    )
  })
  try {
    await Promise.race([action(), late])
  } catch (error) {
    await server.stop()
    throw error
  } finally {
    clearTimeout(timer)
  }
}
