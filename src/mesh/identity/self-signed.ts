import { X509Certificate } from 'node:crypto'
import type { Clock, Logger } from '../../base/index.ts'
import type { Secret } from '../../kube/index.ts'
import { isAlreadyExists, isConflict, KINDS, type KubeClient } from '../../kube/client/index.ts'
import { SELF_SIGNED_SECRET } from './names.ts'
import { readSelfSigned } from './signing-authority.ts'

export interface RootLifetime {
  /** Of a self-signed root (CITADEL_SELF_SIGNED_CA_CERT_TTL). */
  readonly rootMs: number
  /** It is renewed when less than this much of its life is left (CITADEL_SELF_SIGNED_ROOT_CERT_GRACE_PERIOD_PERCENTILE). */
  readonly gracePercent: number
}

export interface SelfSignedOptions {
  readonly client: KubeClient
  readonly namespace: string
  readonly trustDomain: string
  readonly lifetimes: RootLifetime
  readonly clock: Clock
  readonly logger: Logger
}

/** Create, or take what another replica has created: of two that race, both end with the same. */
export async function createSelfSigned(options: SelfSignedOptions): Promise<Secret> {
  const { client, namespace, clock, logger, trustDomain, lifetimes } = options
  const { createRoot } = await import('./issuer.ts')
  const root = await createRoot({ organization: trustDomain, now: clock.now(), ttlMs: lifetimes.rootMs })
  const secret: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: SELF_SIGNED_SECRET, namespace },
    type: 'istio.io/ca-root',
    data: {
      'ca-cert.pem': encode(root.certificate),
      'ca-key.pem': encode(root.key),
      'cert-chain.pem': '',
      'key.pem': '',
      'root-cert.pem': '',
    },
  }
  try {
    const created = await client.create<Secret>(KINDS.secret, secret)
    logger.info('made a self-signed CA', { secret: `${namespace}/${SELF_SIGNED_SECRET}` })
    return created
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
    const other = await client.get<Secret>(KINDS.secret, SELF_SIGNED_SECRET, namespace)
    if (other) return other
    throw new Error(`Secret ${namespace}/${SELF_SIGNED_SECRET} was deleted while it was read`, {
      cause: error,
    })
  }
}

/** Gives a root whose life is nearly over a new one under the same key. What cannot be read is left as it is. */
export async function renewWhenDue(options: SelfSignedOptions, secret: Secret): Promise<Secret> {
  const { client, clock, lifetimes, logger } = options
  const read = readSelfSigned(secret, clock.now())
  if (!read.ok || !isDue(read.value.root, clock.now(), lifetimes.gracePercent)) return secret
  const { renewRoot } = await import('./issuer.ts')
  const renewed = await renewRoot(read.value, { now: clock.now(), ttlMs: lifetimes.rootMs })
  const data = { ...secret.data, 'ca-cert.pem': encode(renewed.certificate) }
  try {
    const updated = await client.update<Secret>(KINDS.secret, { ...secret, data })
    logger.info('the self-signed root has a new life under the same key', { secret: SELF_SIGNED_SECRET })
    return updated
  } catch (error) {
    // Another replica was first: its change is on its way here.
    if (isConflict(error)) return secret
    throw error
  }
}

function isDue(root: string, now: number, gracePercent: number): boolean {
  const { validFrom, validTo } = new X509Certificate(root)
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)]
  return to - now < ((to - from) * gracePercent) / 100
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64')
}
