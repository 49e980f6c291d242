import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSeededRandom, randomIndex } from '../../src/base/index.ts'
import { createKubeClient, type KubeClient, KINDS } from '../../src/kube/client/index.ts'
import type { Pki } from '../../src/local-cluster/apiserver/index.ts'
import { createAppliers } from './appliers.ts'
import type { Fault } from './faults.ts'
import { type Followers, startFollowers } from './followers.ts'
import type { Interference } from './interference.ts'
import { createLedger, type Ledger, note } from './ledger.ts'
import { createNamespaceWriters } from './namespaces.ts'
import {
  pkiOf,
  type ServerProcess,
  spawnServer,
  startServer,
  storePath,
  switchedTransport,
  transportTo,
} from './server-process.ts'
import { createSweeper } from './sweeper.ts'
import type { Workload, WorkloadOptions } from './workload.ts'
import { createCounter, createNoteWriters, NAMESPACES } from './writers.ts'

export interface CrashOptions {
  readonly rounds: number
  readonly seed: number
  /** breaks the store on purpose */
  readonly fault?: Fault
  readonly onRound?: (line: string) => void
}

export interface CrashReport {
  readonly acknowledged: number
  /** writes of notes that were asked for without an answer */
  readonly unanswered: number
  readonly events: number
  /** followers that were told 410 and listed again */
  readonly relists: number
  readonly revision: number
  readonly storeBytes: number
  /** servers that died in the middle of this, beside those killed by the clock */
  readonly inCompaction: number
  readonly inCheckpoint: number
  readonly killedAtStart: number
}

const LIFE_MAX_MS = 500
/** How long a server that is to kill itself may take to come to it. */
const INTERFERENCE_MAX_MS = 2000
/** In every so many rounds the next servers are killed while they start. */
const KILLED_AT_START_EVERY = 4
const START_KILLS_MAX = 3
/** Half of the servers compact all the time, the others keep all that a watcher can ask for. */
const HISTORY_SHORT = 20
const HISTORY_LONG = 20_000
/** What the servers of the rounds work under, in turn. */
const CONDITIONS: readonly Conditions[] = [
  { historyMax: HISTORY_LONG, interference: 'none' },
  { historyMax: HISTORY_SHORT, interference: 'none' },
  { historyMax: HISTORY_LONG, interference: 'checkpoint' },
  { historyMax: HISTORY_SHORT, interference: 'compaction' },
]
/** More than the short history holds, one commit each. */
const FLOOD = 60

/**
 * Kills an API server at random moments under concurrent writers, watchers and informers, and starts it again.
 * @throws at the first round that lost a write, missed or repeated an event, or went back in revisions
 */
export async function runCrashRounds(options: CrashOptions): Promise<CrashReport> {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-crash-'))
  const run = await createRun(directory, options)
  try {
    for (let round = 1; round <= options.rounds; round += 1) {
      await runRound(run, round)
      if (run.violations.length > 0) {
        throw new Error(`seed ${options.seed}, round ${round}:\n${run.violations.slice(0, 20).join('\n')}`)
      }
    }
    return reportOf(run)
  } finally {
    await run.followers?.stop()
    await run.server?.kill()
    run.close()
    rmSync(directory, { recursive: true })
  }
}

interface Run {
  readonly directory: string
  readonly options: CrashOptions
  readonly pki: Pki
  readonly client: KubeClient
  readonly lead: (port: number) => void
  readonly close: () => void
  readonly ledger: Ledger
  readonly workloads: readonly Workload[]
  readonly violations: string[]
  readonly random: ReturnType<typeof createSeededRandom>
  readonly died: Record<Interference, number>
  killedAtStart: number
  followers: Followers | undefined
  server: ServerProcess | undefined
}

async function createRun(directory: string, options: CrashOptions): Promise<Run> {
  const pki = await pkiOf(directory)
  const { transport, lead } = switchedTransport()
  const client = createKubeClient(transport)
  const random = createSeededRandom(options.seed)
  const ledger = createLedger()
  const violations: string[] = []
  const onViolation = (text: string) => violations.push(text)
  const run: Run = {
    directory,
    options,
    pki,
    client,
    lead: (port) => lead(transportTo(port, pki)),
    close: transport.close,
    ledger,
    workloads: workloadsOf({ client, random, onViolation }, ledger),
    violations,
    random,
    died: { none: 0, compaction: 0, checkpoint: 0 },
    killedAtStart: 0,
    followers: undefined,
    server: undefined,
  }
  await restart(run, conditionsOf(1))
  const metadata = { name: NAMESPACES[1] }
  await client.create(KINDS.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata })
  run.followers = await startFollowers({ transport, random, onViolation })
  return run
}

function workloadsOf(options: WorkloadOptions, ledger: Ledger): readonly Workload[] {
  return [
    createNoteWriters(options, ledger),
    createCounter(options),
    createAppliers(options),
    createSweeper(options),
    createNamespaceWriters(options),
  ]
}

interface Conditions {
  readonly historyMax: number
  readonly interference: Interference
}

async function restart(run: Run, conditions: Conditions): Promise<void> {
  const { fault } = run.options
  run.server = await startServer({
    directory: run.directory,
    controllers: true,
    ...conditions,
    ...(fault ? { fault } : {}),
  })
  run.lead(run.server.port)
}

function conditionsOf(round: number): Conditions {
  return CONDITIONS[(round - 1) % CONDITIONS.length] as Conditions
}

async function runRound(run: Run, round: number): Promise<void> {
  const areAway = conditionsOf(round + 1).historyMax === HISTORY_SHORT
  if (areAway) run.followers?.leave()
  const lifeMs = await writeUntilKilled(run, conditionsOf(round).interference)
  if (round % KILLED_AT_START_EVERY === 0) await killAtStart(run)
  const newest = Math.max(run.ledger.newestRevision(), run.followers?.newestRevision() ?? 0)
  await restart(run, conditionsOf(round + 1))
  await check(run, { newest, areAway })
  const acknowledged = run.workloads.reduce((sum, workload) => sum + workload.acknowledged(), 0)
  run.options.onRound?.(
    `round ${round}: ended after ${lifeMs.toFixed(0)} ms at revision ${newest}, ${acknowledged} writes acknowledged`,
  )
}

/** @returns how long the server lived */
async function writeUntilKilled(run: Run, interference: Interference): Promise<number> {
  const { server } = run
  if (!server) throw new Error('no server is there')
  let isOver = false
  let diedItself = false
  const writing = run.workloads.map((workload) => workload.run(() => isOver))
  const started = performance.now()
  const least = 10 + run.random.next() * LIFE_MAX_MS
  if (interference === 'none') await sleep(least)
  else {
    const gone = server.gone.then(() => {
      diedItself = true
    })
    server.arm()
    await Promise.race([gone, sleep(INTERFERENCE_MAX_MS)])
  }
  if (diedItself) run.died[interference] += 1
  const lifeMs = performance.now() - started
  run.server = undefined
  await server.kill()
  isOver = true
  await Promise.all(writing)
  return lifeMs
}

/** Again and again, mostly before it serves. */
async function killAtStart(run: Run): Promise<void> {
  for (let kills = 1 + randomIndex(run.random, START_KILLS_MAX); kills > 0; kills -= 1) {
    const child = spawnServer({ directory: run.directory, historyMax: HISTORY_SHORT, controllers: true })
    const gone = new Promise((resolve) => {
      child.on('close', resolve)
    })
    await sleep(randomIndex(run.random, kills === 1 ? 1000 : 100))
    child.kill('SIGKILL')
    await gone
    run.killedAtStart += 1
  }
}

/** What the restarted server has, against what the writers and followers know. */
async function check(
  run: Run,
  { newest, areAway }: { readonly newest: number; readonly areAway: boolean },
): Promise<void> {
  const { client, violations } = run
  const { resourceVersion } = await client.list(KINDS.configMap, { namespace: 'default' })
  if (Number(resourceVersion) < newest) {
    violations.push(`the revision went from ${newest} back to ${resourceVersion}`)
  }
  for (const workload of run.workloads) violations.push(...(await workload.check()))
  if (areAway) {
    await flood(client)
    run.followers?.comeBack()
  }
  violations.push(...((await run.followers?.check(run.ledger, areAway)) ?? []))
}

async function flood(client: KubeClient): Promise<void> {
  for (let count = 0; count < FLOOD; count += 1) {
    const wanted = note('default/flood', String(count))
    await client.patch(KINDS.configMap, 'flood', 'default', wanted, {
      type: 'apply',
      fieldManager: 'flood',
      force: true,
    })
  }
}

function reportOf(run: Run): CrashReport {
  return {
    acknowledged: run.workloads.reduce((sum, workload) => sum + workload.acknowledged(), 0),
    unanswered: run.ledger.counts().unanswered,
    ...(run.followers?.counts() ?? { events: 0, relists: 0 }),
    revision: run.followers?.newestRevision() ?? 0,
    storeBytes: statSync(storePath(run.directory)).size,
    inCompaction: run.died.compaction,
    inCheckpoint: run.died.checkpoint,
    killedAtStart: run.killedAtStart,
  }
}
