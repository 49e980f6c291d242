import { type Clock, type Logger, messageOf, type Random } from '../../base/index.ts'
import type { Lease } from '../../kube/index.ts'
import { isAlreadyExists, isConflict, KINDS, type KubeClient } from '../../kube/client/index.ts'

export interface LeaderOptions {
  readonly client: KubeClient
  readonly namespace: string
  readonly name: string
  /** This replica: the pod's name. A restarted container is the same pod and takes up where it was. */
  readonly identity: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly signal: AbortSignal
  /** Called each time the leadership is won; does a leader's work until the signal. */
  readonly lead: (signal: AbortSignal) => Promise<void>
}

const LEASE_SECONDS = 15
const RENEW_MS = 5000
/** Without a renewal for this long the leadership counts as lost, before another replica may take it. */
const RENEW_DEADLINE_MS = 10_000
const RETRY_MS = 1000
const REQUEST_DEADLINE_MS = 4000

/**
 * Runs until the signal: of all replicas one leads at a time, kept apart by a Lease. Releases it when it stops.
 * @throws what `lead` throws: a replica that cannot do a leader's work must not keep the lease
 */
export async function runLeaderElection(options: LeaderOptions): Promise<void> {
  const { clock, random, logger, signal, identity, name } = options
  let term: Term | undefined
  let renewedAt = clock.monotonic()
  while (!signal.aborted && term?.failure === undefined) {
    const held = await withDeadline(acquire(options), clock).catch((error: unknown) => {
      logger.debug('the lease could not be renewed', { lease: name, error: messageOf(error) })
      return undefined
    })
    const now = clock.monotonic()
    if (held) renewedAt = now
    if (held && !term) {
      logger.info('leading', { lease: name, identity })
      term = startTerm(options.lead)
    } else if (term && (held === false || now - renewedAt > RENEW_DEADLINE_MS)) {
      logger.warn('no longer leading', { lease: name, identity })
      await endTerm(term, 'the leadership is lost')
      term = undefined
    }
    const waitMs = held ? RENEW_MS : RETRY_MS * (0.5 + random.next())
    const wait = clock.sleep(waitMs, signal).catch(() => undefined)
    await (term ? Promise.race([wait, term.done]) : wait)
  }
  if (!term) return
  await endTerm(term, 'istiod stops')
  await withDeadline(release(options), clock).catch((error: unknown) => {
    logger.warn('the lease could not be released; it runs out by itself', { error: messageOf(error) })
  })
  if (term.failure) throw term.failure
}

interface Term {
  readonly abort: AbortController
  /** Resolves when the leader's work has ended, also when it failed. */
  readonly done: Promise<void>
  failure: Error | undefined
}

function startTerm(lead: LeaderOptions['lead']): Term {
  const abort = new AbortController()
  const work = lead(abort.signal).catch((error: unknown) => {
    term.failure = error instanceof Error ? error : new Error(messageOf(error))
  })
  const term: Term = { abort, done: work, failure: undefined }
  return term
}

async function endTerm(term: Term, reason: string): Promise<void> {
  term.abort.abort(new Error(reason))
  await term.done
}

/** An API server that accepts a request and never answers must not keep a lease alive in our eyes. */
async function withDeadline<T>(work: Promise<T>, clock: Clock): Promise<T> {
  const answered = new AbortController()
  const deadline = clock.sleep(REQUEST_DEADLINE_MS, answered.signal).then(() => {
    throw new Error(`no answer within ${REQUEST_DEADLINE_MS} ms`)
  })
  try {
    return await Promise.race([work, deadline])
  } finally {
    answered.abort(new Error('answered'))
    deadline.catch(() => undefined)
  }
}

/** @returns whether this replica holds the lease now */
async function acquire(options: LeaderOptions): Promise<boolean> {
  const { client, name, namespace, identity, clock } = options
  const present = await client.get<Lease>(KINDS.lease, name, namespace)
  const now = new Date(clock.now()).toISOString().replace('Z', '000Z')
  const spec = { holderIdentity: identity, leaseDurationSeconds: LEASE_SECONDS, renewTime: now }
  try {
    if (!present) {
      const metadata = { name, namespace }
      const fresh: Lease = {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata,
        spec: { ...spec, acquireTime: now, leaseTransitions: 0 },
      }
      await client.create(KINDS.lease, fresh)
      return true
    }
    const ours = present.spec?.holderIdentity === identity
    if (!ours && !isFree(present, clock.now())) return false
    const transitions = (present.spec?.leaseTransitions ?? 0) + (ours ? 0 : 1)
    const acquireTime = ours ? (present.spec?.acquireTime ?? now) : now
    await client.update<Lease>(KINDS.lease, {
      ...present,
      spec: { ...present.spec, ...spec, acquireTime, leaseTransitions: transitions },
    })
    return true
  } catch (error) {
    // Another replica was faster.
    if (isConflict(error) || isAlreadyExists(error)) return false
    throw error
  }
}

function isFree(lease: Lease, now: number): boolean {
  const { holderIdentity, renewTime, leaseDurationSeconds = LEASE_SECONDS } = lease.spec ?? {}
  if (holderIdentity === undefined || holderIdentity === '' || renewTime === undefined) return true
  return Date.parse(renewTime) + leaseDurationSeconds * 1000 < now
}

/** So that the next replica need not wait for the lease to run out. */
async function release(options: LeaderOptions): Promise<void> {
  const { client, name, namespace, identity } = options
  const present = await client.get<Lease>(KINDS.lease, name, namespace)
  if (present?.spec?.holderIdentity !== identity) return
  await client.update<Lease>(KINDS.lease, { ...present, spec: { ...present.spec, holderIdentity: '' } })
}
