import { type Clock, createWorkQueue, type Logger, type Random } from '../../base/index.ts'
import type { CertificateAuthority } from './authority.ts'
import type { KeyedCertificate } from './issuer.ts'

/** The control plane's own certificate, which changes with the authority and before it runs out. */
export interface ServingCertificate {
  readonly current: () => KeyedCertificate
  /** Calls back with each new one. */
  readonly onChange: (callback: (certificate: KeyedCertificate) => void) => void
  readonly stop: () => Promise<void>
}

/** Longest life of one, and longest wait of one timer. */
const LIFE_MS = 365 * 24 * 3600_000
const WAIT_MAX_MS = 24 * 3600_000

export async function createServingCertificate(options: {
  readonly authority: CertificateAuthority
  readonly names: readonly string[]
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}): Promise<ServingCertificate> {
  const { authority, clock } = options
  const callbacks: ((certificate: KeyedCertificate) => void)[] = []
  const names = options.names.map((name) => ({ kind: 'dns', name }) as const)
  const issue = async () => {
    const issuer = authority.issuer()
    const ttlMs = Math.min(LIFE_MS, issuer.notAfter.getTime() - clock.now())
    return { issuer, renewAt: clock.now() + ttlMs / 2, certificate: await issuer.issue({ names, ttlMs }) }
  }
  let present = await issue()
  const queue = createWorkQueue({
    ...options,
    name: 'serving certificate',
    concurrency: 1,
    retryBaseMs: 100,
    retryMaxMs: 10_000,
    reconcile: async () => {
      if (authority.issuer() !== present.issuer || clock.now() >= present.renewAt) {
        present = await issue()
        for (const callback of callbacks) callback(present.certificate)
      }
      return Math.min(WAIT_MAX_MS, Math.max(1000, present.renewAt - clock.now()))
    },
  })
  authority.onChange(() => queue.add('certificate'))
  queue.add('certificate')
  return {
    current: () => present.certificate,
    onChange: (callback) => callbacks.push(callback),
    stop: queue.stop,
  }
}
