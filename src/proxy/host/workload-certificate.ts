import { createHash, generateKeyPair, type KeyObject, X509Certificate } from 'node:crypto'
import { promisify } from 'node:util'
import {
  type Clock,
  createBackoff,
  type Logger,
  messageOf,
  parseDurationMs,
  type Random,
} from '../../base/index.ts'
import { type Credential, credentialName, WORKLOAD_CREDENTIAL } from '../../model/index.ts'
import { requestCertificate } from '../../xds/ca/index.ts'
import { resolveEndpoint, type XdsChange, type XdsChannels } from '../../xds/client/index.ts'
import { certificateRequest } from '../tls/certificate-request.ts'
import { type Bootstrap, PROXY_FILES } from './bootstrap.ts'

/** A proxy's own certificate: ordered, renewed in time, and given to it as a credential that nobody else has. */
export interface WorkloadCertificate {
  readonly start: () => void
  readonly stop: () => void
  readonly isHere: () => boolean
  /** These are the roots of the mesh now: a certificate under one that is not among them is replaced soon. */
  readonly followRoots: (bundle: string) => void
}

/** Istio's SECRET_TTL and SECRET_GRACE_PERIOD_RATIO with its jitter. */
const TTL_MS = 24 * 3600_000
const GRACE_RATIO = 0.5
const JITTER = 0.01
const RETRY = { baseMs: 500, maxMs: 60_000 } as const
const DEADLINE_MS = 10_000
/** Workloads do not come for new certificates all at once. */
const ROOTS_CHANGED_MAX_MS = 2_000

export function createWorkloadCertificate(options: {
  readonly bootstrap: Bootstrap
  readonly channels: XdsChannels
  readonly resolve: (host: string) => Promise<readonly string[]>
  readonly readFile: (path: string) => string | undefined
  /** PEM: what the control plane's own certificate may end in. */
  readonly roots: () => string | undefined
  readonly accept: (change: XdsChange) => void
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}): WorkloadCertificate {
  const { bootstrap, clock, random, logger } = options
  const { namespace, serviceAccount } = bootstrap.node
  const backoff = createBackoff({ ...RETRY, random })
  const { ttlMs, graceRatio } = termsOf(bootstrap.environment ?? {})
  let cancel: () => void = () => {}
  let current: Credential | undefined
  /** That of the certificate. */
  let root: string | undefined
  let isStopped = false
  let isOrdering = false

  function schedule(afterMs: number): void {
    cancel()
    cancel = clock.after(afterMs, () => void renew())
  }

  async function renew(): Promise<void> {
    if (isOrdering || isStopped) return
    isOrdering = true
    try {
      const credential = await order()
      if (isStopped) return
      current = credential
      backoff.reset()
      options.accept(changeOf(credential))
      const { validTo, validFrom } = new X509Certificate(credential.certificate?.chain ?? '')
      const end = Date.parse(validTo)
      const life = end - Math.max(Date.parse(validFrom), clock.now() - ttlMs)
      const grace = life * (graceRatio + JITTER * (2 * random.next() - 1))
      schedule(Math.max(RETRY.baseMs, end - grace - clock.now()))
      logger.info('the workload has a new certificate', { until: validTo })
    } catch (error) {
      if (isStopped) return
      const wait = backoff.nextMs()
      // Istiod that is not there yet is no news when a cluster starts.
      const say = current === undefined && wait < 5_000 ? logger.debug : logger.warn
      say(`no certificate for ${namespace}/${serviceAccount}: ${messageOf(error)}`, {
        again: `${Math.round(wait)}ms`,
      })
      schedule(wait)
    } finally {
      isOrdering = false
    }
  }

  async function order(): Promise<Credential> {
    const key = await createKey('ec', { namedCurve: 'P-256' })
    const trusted = options.roots()
    const endpoint = await resolveEndpoint({
      address: bootstrap.discoveryAddress,
      resolve: options.resolve,
      random,
      rootCertificate: () => trusted,
    })
    const client = options.channels.connect(endpoint)
    try {
      const chain = await requestCertificate(client, {
        csr: certificateRequest(key),
        validitySeconds: Math.round(ttlMs / 1000),
        token: options.readFile(PROXY_FILES.token)?.trim(),
        deadlineMs: DEADLINE_MS,
      })
      return credentialOf(chain, key.privateKey, trusted)
    } catch (error) {
      options.channels.abandon(client)
      throw error
    } finally {
      client.close()
    }
  }

  function credentialOf(chain: readonly string[], key: KeyObject, trusted: string | undefined): Credential {
    const [leaf, ...rest] = chain
    if (leaf === undefined) throw new Error('the certificate authority answered with an empty chain')
    root = rest.at(-1)?.trim()
    const trust = [...new Set([root, trusted?.trim()].filter((one) => one !== undefined))]
      .map(withNewline)
      .join('')
    return {
      type: 'credential',
      key: credentialName(WORKLOAD_CREDENTIAL.source, namespace, WORKLOAD_CREDENTIAL.name),
      holders: [{ namespace, serviceAccounts: [serviceAccount] }],
      certificate: {
        chain: [leaf, ...rest.slice(0, -1)].map(withNewline).join(''),
        privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
      },
      ...(trust !== '' && { trust }),
      origin: { kind: 'ServiceAccount', namespace, name: serviceAccount },
    }
  }

  return {
    start: () => void renew(),
    stop() {
      isStopped = true
      cancel()
    },
    isHere: () => current !== undefined,
    followRoots(bundle) {
      if (root === undefined || bundle.includes(root)) return
      schedule(random.next() * ROOTS_CHANGED_MAX_MS)
    },
  }
}

const createKey = promisify(generateKeyPair)

function changeOf(credential: Credential): XdsChange {
  const chain = credential.certificate?.chain ?? ''
  const version = createHash('sha256').update(chain).digest('hex')
  return { kind: 'set', type: 'credential', key: credential.key, version, object: credential }
}

function termsOf(environment: Readonly<Record<string, string | undefined>>) {
  const ttl = parseDurationMs(environment['SECRET_TTL'] ?? '')
  const ratio = Number(environment['SECRET_GRACE_PERIOD_RATIO'] ?? GRACE_RATIO)
  return {
    ttlMs: ttl === undefined || ttl <= 0 ? TTL_MS : ttl,
    graceRatio: ratio > 0 && ratio < 1 ? ratio : GRACE_RATIO,
  }
}

function withNewline(pem: string): string {
  return pem.endsWith('\n') ? pem : `${pem}\n`
}
