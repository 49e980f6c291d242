import { messageOf } from '../../base/index.ts'
import { spiffeId } from '../../model/index.ts'
import type { CertificateAnswer, CertificateOrder } from '../../xds/ca/index.ts'
import type { Authenticate } from '../../xds/server/index.ts'
import type { Issuer } from './issuer.ts'

const DEFAULT_TTL_SECONDS = 24 * 3600
const MAX_TTL_SECONDS = 90 * 24 * 3600

export interface CertificateServiceOptions {
  readonly issuer: Issuer
  readonly authenticate: Authenticate
  readonly trustDomain: () => string
  readonly issued: () => void
}

/** Answers a workload that asks for a certificate: it gets one for its own identity, whatever names it asked for. */
export function createCertificateService(
  options: CertificateServiceOptions,
): (order: CertificateOrder) => Promise<CertificateAnswer> {
  return async ({ csr, validitySeconds, token }) => {
    const caller = await options.authenticate(token === undefined ? {} : { token })
    if (caller.kind !== 'ok') return caller
    if (validitySeconds > MAX_TTL_SECONDS) {
      return { kind: 'invalid', reason: `a validity of ${validitySeconds} s is above ${MAX_TTL_SECONDS} s` }
    }
    const { namespace, serviceAccount } = caller.identity
    const uri = spiffeId(options.trustDomain(), namespace, serviceAccount)
    const ttlMs = (validitySeconds > 0 ? validitySeconds : DEFAULT_TTL_SECONDS) * 1000
    try {
      const chain = await options.issuer.sign({ csr, names: [{ kind: 'uri', uri }], ttlMs })
      options.issued()
      return { kind: 'issued', chain }
    } catch (error) {
      return { kind: 'invalid', reason: messageOf(error) }
    }
  }
}
