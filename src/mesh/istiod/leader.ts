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
  /** Called when the leadership is won and again after each loss; the signal says when it is lost. */
  readonly lead: (signal: AbortSignal) => Promise<void>
}

const LEASE_SECONDS = 15
const RENEW_MS = 5000
/** Without a renewal for this long the leadership counts as lost, before another replica may take it. */
const RENEW_DEADLINE_MS = 10_000
const RETRY_MS = 1000

/** Runs until the signal: of all replicas one leads at a time, kept apart by a Lease. Releases it when it stops. */
export async function runLeaderElection(options: LeaderOptions): Promise<void> {
  const { clock, random, logger, signal, identity } = options
  let term: { readonly abort: AbortController; readonly done: Promise<void> } | undefined
  let renewedAt = clock.monotonic()
  const endTerm = async (reason: string): Promise<void> => {
    const ending = term
    term = undefined
    ending?.abort.abort(new Error(reason))
    await ending?.done
  }
  while (!signal.aborted) {
    const held = await acquire(options).catch((error: unknown) => {
      logger.debug('the lease could not be renewed', { lease: options.name, error: messageOf(error) })
      return undefined
    })
    const now = clock.monotonic()
    if (held) renewedAt = now
    if (held && !term) {
      logger.info('leading', { lease: options.name, identity })
      const abort = new AbortController()
      const done = options.lead(abort.signal).catch((error: unknown) => {
        logger.error('leading failed', { lease: options.name, error: messageOf(error) })
      })
      term = { abort, done }
    } else if (term && (held === false || now - renewedAt > RENEW_DEADLINE_MS)) {
      logger.warn('no longer leading', { lease: options.name, identity })
      await endTerm('the leadership is lost')
    }
    const waitMs = held ? RENEW_MS : RETRY_MS * (0.5 + random.next())
    await clock.sleep(waitMs, signal).catch(() => undefined)
  }
  const led = term !== undefined
  await endTerm('istiod stops')
  if (led) await release(options)
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
  const { client, name, namespace, identity, logger } = options
  try {
    const present = await client.get<Lease>(KINDS.lease, name, namespace)
    if (present?.spec?.holderIdentity !== identity) return
    await client.update<Lease>(KINDS.lease, { ...present, spec: { ...present.spec, holderIdentity: '' } })
  } catch (error) {
    logger.warn('the lease could not be released; it runs out by itself', { error: messageOf(error) })
  }
}
