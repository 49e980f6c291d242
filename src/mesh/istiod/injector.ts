import { type Logger, messageOf } from '../../base/index.ts'
import { type ProxySettings, reviewPod } from '../injection/index.ts'
import type { Metrics } from '../push/index.ts'
import { type HttpHandler, json, plain } from './http.ts'

/** The injection webhook: `/inject`, and `/inject/cluster/…/net/…`, whose tail names what the settings say already. */
export function injectionHandler(options: {
  readonly settings: () => ProxySettings
  readonly metrics: Metrics
  readonly logger: Logger
}): HttpHandler {
  const { metrics, logger } = options
  const requests = metrics.counter(
    'sidecar_injection_requests_total',
    'Total number of sidecar injection requests.',
  )
  const counters = {
    injected: metrics.counter('sidecar_injection_success_total', 'Total number of successful injections.'),
    skipped: metrics.counter('sidecar_injection_skip_total', 'Total number of skipped injections.'),
    failed: metrics.counter('sidecar_injection_failure_total', 'Total number of failed injections.'),
  }
  return ({ method, path, body }) => {
    if (path !== '/inject' && !path.startsWith('/inject/')) return undefined
    if (method !== 'POST') return plain('an AdmissionReview is to be posted here\n', 405)
    requests.add()
    let review: unknown
    try {
      review = JSON.parse(body)
    } catch (error) {
      counters.failed.add()
      return plain(`the body is not JSON: ${messageOf(error)}\n`, 400)
    }
    const outcome = reviewPod(review, options.settings())
    counters[outcome.kind].add()
    logger[outcome.kind === 'failed' ? 'warn' : 'info'](`injection: ${outcome.kind}`, {
      pod: outcome.pod,
      reason: outcome.reason,
    })
    return json(outcome.review)
  }
}
