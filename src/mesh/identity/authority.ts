import { createHash } from 'node:crypto'
import {
  type Clock,
  createWorkQueue,
  defined,
  type Logger,
  type Random,
  type WorkQueue,
} from '../../base/index.ts'
import type { Secret } from '../../kube/index.ts'
import { createInformer, type Informer, KINDS, type KubeClient } from '../../kube/client/index.ts'
import type { Issuer } from './issuer.ts'
import { PLUGGED_IN_SECRET, SELF_SIGNED_SECRET, TRUST_RECORD_SECRET } from './names.ts'
import { createSelfSigned, renewWhenDue, type RootLifetime } from './self-signed.ts'
import { readAuthority, readSelfSigned, type SigningAuthority } from './signing-authority.ts'
import { nextTrust, readTrust, trustBundleOf, type TrustRecord, trustSecret } from './trust-record.ts'

export interface AuthorityOptions {
  readonly client: KubeClient
  readonly namespace: string
  readonly trustDomain: string
  readonly lifetimes: CertificateLifetimes
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** Istio's settings of the certificate authority, in milliseconds. */
export interface CertificateLifetimes extends RootLifetime {
  /** What a certificate gets whose request names no validity (DEFAULT_WORKLOAD_CERT_TTL). */
  readonly workloadMs: number
  /** What a request may name (MAX_WORKLOAD_CERT_TTL). */
  readonly workloadMaxMs: number
  /** How often the roots are looked at (CITADEL_SELF_SIGNED_ROOT_CERT_CHECK_INTERVAL), */
  readonly checkMs: number
  /** with jitter, so that replicas do not look all at once (CITADEL_ENABLE_JITTER_FOR_ROOT_CERT_ROTATOR). */
  readonly hasJitter: boolean
  /** A new root is known to everyone this long before the first certificate is signed under it. */
  readonly leadMs: number
}

const HOUR_MS = 3600_000
const DAY_MS = 24 * HOUR_MS

export const DEFAULT_LIFETIMES: CertificateLifetimes = {
  workloadMs: DAY_MS,
  workloadMaxMs: 90 * DAY_MS,
  rootMs: 3650 * DAY_MS,
  gracePercent: 20,
  checkMs: HOUR_MS,
  hasJitter: true,
  leadMs: 10_000,
}

/** Longest wait of one timer. */
const WAIT_MAX_MS = 24 * HOUR_MS

/** What the mesh's certificates are signed with, and whom it believes. */
export interface CertificateAuthority {
  /** Resolves once there is one. */
  readonly ready: Promise<void>
  /** What signs now. Asserts that it is ready. */
  readonly issuer: () => Issuer
  /** PEM, one certificate each: all roots that chains may end in, the one in use last. */
  readonly trustBundle: () => readonly string[]
  /** Calls back after each change of the issuer or the bundle. @returns the function that ends it */
  readonly onChange: (callback: () => void) => () => void
  readonly stop: () => Promise<void>
}

interface Active {
  readonly source: 'plugged-in' | 'self-signed'
  readonly authority: SigningAuthority
  readonly id: string
  readonly issuer: Issuer
}

interface State {
  active: Active | undefined
  trust: TrustRecord | undefined
  readonly callbacks: Set<() => void>
  /** What was complained about, so that one refusal is one line. */
  complaint: string
}

type Wanted = Omit<Active, 'issuer' | 'id'>

/**
 * The mesh's signing authority: the one that an operator plugged in (Secret `cacerts`), otherwise the self-signed one
 * (Secret `istio-ca-secret`), which the first replica makes and all others read. Both are watched. A change is checked
 * first: what is wrong is refused by name and the last good one goes on. A change of roots reaches the trust bundle at once
 * and the signing certificate a little later. All replicas see the Secrets in one order, so that they end with the same.
 */
export function createCertificateAuthority(options: AuthorityOptions): CertificateAuthority {
  const { client, namespace, clock, random, logger } = options
  const state: State = { active: undefined, trust: undefined, callbacks: new Set(), complaint: '' }
  const names: readonly string[] = [PLUGGED_IN_SECRET, SELF_SIGNED_SECRET, TRUST_RECORD_SECRET]
  let markReady: () => void = () => {}
  const ready = new Promise<void>((resolve) => {
    markReady = resolve
  })
  const secrets = createInformer<Secret>({
    client,
    kind: KINDS.secret,
    namespace,
    narrow: (secret) => (names.includes(secret.metadata.name) ? secret : undefined),
    clock,
    random,
    logger,
    onChange: () => queue.add('authority'),
  })
  const queue: WorkQueue = createWorkQueue({
    name: 'certificate authority',
    concurrency: 1,
    retryBaseMs: 50,
    retryMaxMs: 3000,
    clock,
    random,
    logger,
    reconcile: async () => {
      const waitMs = await reconcile(options, state, secrets)
      markReady()
      return waitMs
    },
  })
  return {
    ready,
    issuer: () => defined(state.active, 'the certificate authority is ready').issuer,
    trustBundle: () => trustBundleOf(defined(state.trust, 'the certificate authority is ready')),
    onChange(callback) {
      state.callbacks.add(callback)
      return () => state.callbacks.delete(callback)
    },
    async stop() {
      secrets.stop()
      await queue.stop()
    },
  }
}

/** @returns when to look again, in milliseconds */
async function reconcile(
  options: AuthorityOptions,
  state: State,
  secrets: Informer<Secret>,
): Promise<number> {
  const { clock, logger } = options
  const wanted = await wantedAuthority(options, state, secrets)
  const trust = await agreedTrust(options, secrets, wanted.authority.roots)
  const bundleChanged = bundleOf(state.trust) !== bundleOf(trust)
  state.trust = trust
  const id = idOf(wanted.authority)
  const leadMs = state.active ? trust.since + options.lifetimes.leadMs - clock.now() : 0
  let issuerChanged = false
  if (state.active?.id !== id && leadMs <= 0) {
    // The certificate library takes its time to load, and only the control plane needs it.
    const { createIssuer } = await import('./issuer.ts')
    const issuer = await createIssuer(wanted.authority, clock.now)
    issuerChanged = true
    state.active = { source: wanted.source, authority: wanted.authority, id, issuer }
    logger.info('certificates are signed by', { ca: wanted.source, validTo: issuer.notAfter.toISOString() })
  }
  if (bundleChanged) logger.info('the trust bundle changed', { roots: trustBundleOf(trust).length })
  if (bundleChanged || issuerChanged) for (const callback of state.callbacks) callback()
  const ends = trust.retired.map(({ until }) => until - clock.now() + 1)
  const waits = [checkMs(options), WAIT_MAX_MS, ...ends, ...(state.active?.id === id ? [] : [leadMs])]
  return Math.max(1, Math.min(...waits))
}

function checkMs({ lifetimes, random }: AuthorityOptions): number {
  return lifetimes.hasJitter ? lifetimes.checkMs * (0.5 + 0.5 * random.next()) : lifetimes.checkMs
}

async function wantedAuthority(
  options: AuthorityOptions,
  state: State,
  secrets: Informer<Secret>,
): Promise<Wanted> {
  const { namespace, clock } = options
  const plugged = secrets.get(PLUGGED_IN_SECRET, namespace)
  if (plugged) {
    const read = readAuthority(plugged, clock.now())
    if (!read.ok) return lastGood(options, state, PLUGGED_IN_SECRET, read.error)
    return accepted(state, 'plugged-in', read.value)
  }
  const secret = secrets.get(SELF_SIGNED_SECRET, namespace) ?? (await createSelfSigned(options))
  const current = await renewWhenDue(options, secret)
  const read = readSelfSigned(current, clock.now())
  if (!read.ok) {
    const remedy = 'delete it to have a new CA made'
    return lastGood(options, state, SELF_SIGNED_SECRET, `${read.error}; ${remedy}`)
  }
  return accepted(state, 'self-signed', read.value)
}

function accepted(state: State, source: Wanted['source'], authority: SigningAuthority): Wanted {
  state.complaint = ''
  return { source, authority }
}

/** @throws Error when there was none yet: nothing is signed with what cannot be checked */
function lastGood(options: AuthorityOptions, state: State, name: string, problem: string): Wanted {
  const secret = `${options.namespace}/${name}`
  if (!state.active) throw new Error(`Secret ${secret} is refused: ${problem}`)
  const complaint = `${name}: ${problem}`
  if (state.complaint !== complaint) {
    options.logger.error('a CA is refused, the last good one goes on', { secret, problem })
  }
  state.complaint = complaint
  return state.active
}

/** The record that all replicas share, brought to what these roots ask for. @throws when somebody else wrote it meanwhile */
async function agreedTrust(
  options: AuthorityOptions,
  secrets: Informer<Secret>,
  roots: readonly string[],
): Promise<TrustRecord> {
  const { client, namespace, clock, lifetimes } = options
  const present = secrets.get(TRUST_RECORD_SECRET, namespace)
  const record = present && readTrust(present)
  const next = nextTrust(record, roots, { now: clock.now(), keepMs: lifetimes.workloadMs })
  if (next === record) return record
  const secret = trustSecret(next, namespace)
  if (!present) await client.create<Secret>(KINDS.secret, secret)
  else await client.update<Secret>(KINDS.secret, { ...present, data: secret.data ?? {} })
  return next
}

function bundleOf(trust: TrustRecord | undefined): string {
  return trust ? trustBundleOf(trust).join('') : ''
}

function idOf({ certificate, intermediates, root, key }: SigningAuthority): string {
  const hash = createHash('sha256')
  for (const part of [certificate, key, ...intermediates, root]) hash.update(part)
  return hash.digest('base64')
}
