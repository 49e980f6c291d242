import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSeededRandom, randomIndex } from '../../src/base/index.ts'
import { createKubeClient, type Informer, type KubeClient, KINDS } from '../../src/kube/client/index.ts'
import type { Pki } from '../../src/local-cluster/apiserver/index.ts'
import { waitFor } from '../support/wait.ts'
import type { Fault } from './faults.ts'
import { createLedger, type Ledger, type Note, PREFIX } from './ledger.ts'
import {
  pkiOf,
  type ServerProcess,
  spawnServer,
  startServer,
  storePath,
  switchedTransport,
  transportTo,
} from './server-process.ts'
import { startInformer, startWatcher, type Watcher } from './watchers.ts'
import { COUNTER, note, writeUntilGone } from './writers.ts'

export interface CrashOptions {
  readonly rounds: number
  readonly seed: number
  /** breaks the store on purpose */
  readonly fault?: Fault
  readonly onRound?: (line: string) => void
}

export interface CrashReport {
  readonly acknowledged: number
  readonly unanswered: number
  readonly events: number
  readonly relists: number
  readonly revision: number
  readonly storeBytes: number
}

const WRITERS = 8
const WATCHERS = 4
const INFORMERS = 3
const LIFE_MAX_MS = 500
/** In every so many rounds the server is killed once more, while it starts. */
const KILLED_AT_START_EVERY = 4
/** Half of the rounds compact all the time, the others keep all that a watcher can ask for. */
const HISTORY_SHORT = 20
const HISTORY_LONG = 20_000
const CATCH_UP_DEADLINE_MS = 20_000

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
    for (const informer of run.informers) informer.stop()
    await Promise.all(run.watchers.map((watcher) => watcher.stop()))
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
  readonly counter: { acknowledged: number; unanswered: number }
  readonly violations: string[]
  readonly random: ReturnType<typeof createSeededRandom>
  watchers: readonly Watcher[]
  informers: readonly Informer<Note>[]
  server: ServerProcess | undefined
}

async function createRun(directory: string, options: CrashOptions): Promise<Run> {
  const pki = await pkiOf(directory)
  const { transport, lead } = switchedTransport()
  const client = createKubeClient(transport)
  const run: Run = {
    directory,
    options,
    pki,
    client,
    lead: (port) => lead(transportTo(port, pki)),
    close: transport.close,
    ledger: createLedger(),
    counter: { acknowledged: 0, unanswered: 0 },
    violations: [],
    random: createSeededRandom(options.seed),
    watchers: [],
    informers: [],
    server: undefined,
  }
  await restart(run, HISTORY_LONG)
  await client.create(KINDS.configMap, note(COUNTER, '0'))
  const complain = (text: string) => run.violations.push(text)
  run.watchers = Array.from({ length: WATCHERS }, (_, index) =>
    startWatcher(client, (text) => complain(`watcher ${index}: ${text}`)),
  )
  run.informers = Array.from({ length: INFORMERS }, () => startInformer(client, run.random, complain))
  await waitFor('the watchers to begin', () => run.watchers.every((watcher) => watcher.revision() > 0))
  await Promise.all(run.informers.map((informer) => informer.synced))
  return run
}

async function restart(run: Run, historyMax: number): Promise<void> {
  const { fault } = run.options
  run.server = await startServer({ directory: run.directory, historyMax, ...(fault ? { fault } : {}) })
  run.lead(run.server.port)
}

async function runRound(run: Run, round: number): Promise<void> {
  const lifeMs = 10 + run.random.next() * LIFE_MAX_MS
  let isOver = false
  const writing = writeUntilGone({
    client: run.client,
    ledger: run.ledger,
    random: run.random,
    writers: WRITERS,
    counter: run.counter,
    isStopped: () => isOver,
    onViolation: (text) => run.violations.push(text),
  })
  await sleep(lifeMs)
  const newest = Math.max(run.ledger.newestRevision(), ...run.watchers.map((watcher) => watcher.revision()))
  const { server } = run
  run.server = undefined
  await server?.kill()
  isOver = true
  await writing
  if (round % KILLED_AT_START_EVERY === 0) await killAtStart(run)
  await restart(run, round % 2 === 0 ? HISTORY_SHORT : HISTORY_LONG)
  await check(run, newest)
  run.options.onRound?.(
    `round ${round}: killed after ${lifeMs.toFixed(0)} ms at revision ${newest}, ${run.ledger.counts().acknowledged} writes acknowledged`,
  )
}

async function killAtStart(run: Run): Promise<void> {
  const child = spawnServer({ directory: run.directory, historyMax: HISTORY_SHORT })
  const gone = new Promise((resolve) => {
    child.on('close', resolve)
  })
  await sleep(randomIndex(run.random, 1000))
  child.kill('SIGKILL')
  await gone
}

/** What the restarted server has, against what the writers and watchers know. */
async function check(run: Run, newest: number): Promise<void> {
  const { client, ledger, counter, violations } = run
  const listed = await client.list<Note>(KINDS.configMap, { namespace: 'default' })
  const revision = Number(listed.resourceVersion)
  if (revision < newest) violations.push(`the revision went from ${newest} back to ${revision}`)
  const notes = listed.items.filter(({ metadata }) => metadata.name.startsWith(PREFIX))
  violations.push(...ledger.settle(notes))
  checkCounter(counter, listed.items, violations)

  const sentinel = await writeSentinel(client, revision)
  await waitFor(
    'watchers and informers to catch up',
    () =>
      run.watchers.every((watcher) => watcher.revision() >= sentinel) &&
      run.informers.every((informer) => revisionOf(informer, 'sentinel') >= sentinel),
    { deadlineMs: CATCH_UP_DEADLINE_MS },
  ).catch((error: Error) => violations.push(error.message))
  await checkFollowers(run)
}

function checkCounter(counter: Run['counter'], items: readonly Note[], violations: string[]): void {
  const value = Number(items.find(({ metadata }) => metadata.name === COUNTER)?.data?.['value'])
  const { acknowledged, unanswered } = counter
  if (!(value >= acknowledged && value <= acknowledged + unanswered)) {
    violations.push(`the counter is ${value} after ${acknowledged} increments and ${unanswered} unanswered`)
  }
  counter.acknowledged = value
  counter.unanswered = 0
}

async function writeSentinel(client: KubeClient, revision: number): Promise<number> {
  const object = note('sentinel', String(revision))
  const written = await client.patch<Note>(KINDS.configMap, 'sentinel', 'default', object, {
    type: 'apply',
    fieldManager: 'crash',
    force: true,
  })
  return Number(written.metadata.resourceVersion)
}

async function checkFollowers(run: Run): Promise<void> {
  const { items } = await run.client.list<Note>(KINDS.configMap, { namespace: 'default' })
  const expected = statesText(items.map(({ metadata }) => [metadata.name, Number(metadata.resourceVersion)]))
  const acknowledged = run.ledger.takeAcknowledged()
  for (const [index, watcher] of run.watchers.entries()) {
    if (statesText(watcher.state()) !== expected) run.violations.push(`watcher ${index} has another state`)
    const missed = watcher.missed(acknowledged)
    for (const write of missed) run.violations.push(`watcher ${index} missed ${JSON.stringify(write)}`)
  }
  for (const [index, informer] of run.informers.entries()) {
    const state = informer
      .list()
      .map(({ metadata }): [string, number] => [metadata.name, Number(metadata.resourceVersion)])
    if (statesText(state) !== expected) run.violations.push(`informer ${index} has another state`)
  }
}

function statesText(states: Iterable<readonly [string, number]>): string {
  return [...states]
    .map(([name, revision]) => `${name}@${revision}`)
    .sort()
    .join(' ')
}

function revisionOf(informer: Informer<Note>, name: string): number {
  return Number(informer.get(name, 'default')?.metadata.resourceVersion ?? 0)
}

function reportOf(run: Run): CrashReport {
  return {
    ...run.ledger.counts(),
    events: run.watchers.reduce((sum, watcher) => sum + watcher.events(), 0),
    relists: run.watchers.reduce((sum, watcher) => sum + watcher.relists(), 0),
    revision: Math.max(...run.watchers.map((watcher) => watcher.revision())),
    storeBytes: statSync(storePath(run.directory)).size,
  }
}
