import { type Logger, messageOf } from '../../base/index.ts'
import { spiffeId } from '../../model/index.ts'
import type { CertificateAnswer, CertificateOrder } from '../../xds/ca/index.ts'
import type { Authenticate } from '../../xds/server/index.ts'
import type { CertificateAuthority, CertificateLifetimes } from './authority.ts'
import { CertificateRequestError } from './certificate-request.ts'

/** What happened to a request, for Istio's metrics. */
export type CertificateEvent =
  | { readonly kind: 'asked' }
  | { readonly kind: 'not-authenticated' }
  | { readonly kind: 'not-signed'; readonly error: SigningError }
  | { readonly kind: 'issued' }

/** Istio's names. */
export type SigningError = 'CSR_ERROR' | 'TTL_ERROR' | 'CERT_GEN_ERROR'

export interface CertificateServiceOptions {
  readonly authority: Pick<CertificateAuthority, 'issuer' | 'trustBundle'>
  readonly authenticate: Authenticate
  readonly trustDomain: () => string
  readonly lifetimes: Pick<CertificateLifetimes, 'workloadMs' | 'workloadMaxMs'>
  readonly observe: (event: CertificateEvent) => void
  readonly logger: Logger
}

type IssueCertificate = (order: CertificateOrder) => Promise<CertificateAnswer>

/** Answers a workload that asks for a certificate: it gets one for its own identity, whatever names it asked for. */
export function createCertificateService(options: CertificateServiceOptions): IssueCertificate {
  const { observe, logger } = options
  return async (order) => {
    observe({ kind: 'asked' })
    const caller = await authorized(options, order)
    if (caller.kind !== 'ok') {
      observe({ kind: 'not-authenticated' })
      logger.warn('no certificate for who does not say who it is', { reason: caller.reason })
      return caller
    }
    const { namespace, serviceAccount } = caller.identity
    const answer = await sign(options, order, spiffeId(options.trustDomain(), namespace, serviceAccount))
    if (answer.kind === 'issued') {
      observe({ kind: 'issued' })
      return answer
    }
    observe({ kind: 'not-signed', error: answer.error })
    logger.warn('no certificate', { namespace, serviceAccount, error: answer.error, reason: answer.reason })
    return { kind: answer.kind, reason: `CSR signing error (${answer.reason})` }
  }
}

async function authorized({ authenticate }: CertificateServiceOptions, order: CertificateOrder) {
  const answer = await authenticate(order.caller)
  if (answer.kind !== 'ok' || order.impersonated === undefined) return answer
  // Every proxy has its pod's own token, so nobody needs this; to answer with another identity would mislead.
  const reason = `a certificate for somebody else (${order.impersonated}) is given to nobody`
  return { kind: 'refused', reason } as const
}

type Signed =
  | Extract<CertificateAnswer, { readonly kind: 'issued' }>
  | { readonly kind: 'invalid' | 'failed'; readonly error: SigningError; readonly reason: string }

async function sign(
  options: CertificateServiceOptions,
  order: CertificateOrder,
  uri: string,
): Promise<Signed> {
  const { lifetimes, authority } = options
  const askedMs = order.validitySeconds * 1000
  if (askedMs > lifetimes.workloadMaxMs) {
    const reason = `a validity of ${order.validitySeconds} s is above ${lifetimes.workloadMaxMs / 1000} s`
    return { kind: 'invalid', error: 'TTL_ERROR', reason }
  }
  const ttlMs = askedMs > 0 ? askedMs : lifetimes.workloadMs
  const issuer = authority.issuer()
  try {
    const chain = await issuer.sign({ csr: order.csr, names: [{ kind: 'uri', uri }], ttlMs })
    const others = authority.trustBundle().filter((root) => root !== issuer.root)
    return { kind: 'issued', chain: [...chain, ...others, issuer.root] }
  } catch (error) {
    const reason = messageOf(error)
    return error instanceof CertificateRequestError
      ? { kind: 'invalid', error: 'CSR_ERROR', reason }
      : { kind: 'failed', error: 'CERT_GEN_ERROR', reason }
  }
}
