import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DEFAULT_RETRY, INBOUND_RETRY, parseRetryOn, retryPlanOf } from './retry.ts'

/**
 * istio/istio pilot/pkg/networking/core/route/retry/retry.go, DefaultPolicy, and retry_test.go: what is said of no
 * retries means two tries more, on failures after which the application cannot have begun; since 1.24 no status of HTTP.
 */
describe("Istio's default retry policy", () => {
  test('has two tries more, on these conditions, with no status of HTTP, and 25 ms between', () => {
    const words = ['connect-failure', 'refused-stream', 'unavailable', 'cancelled', 'retriable-status-codes']
    const { conditions, statuses } = parseRetryOn(words)
    assert.deepEqual(DEFAULT_RETRY, { attempts: 2, conditions, statuses, backoffMs: 25 })
    assert.deepEqual(statuses, [])
  })

  test('holds where nothing is said, and lends its conditions to what names none', () => {
    assert.equal(retryPlanOf(undefined), DEFAULT_RETRY)
    assert.deepEqual(retryPlanOf({ attempts: 5, retryOn: [] }), { ...DEFAULT_RETRY, attempts: 5 })
  })

  test('is none for what comes in: only what was never sent is sent again', () => {
    const { conditions } = parseRetryOn(['reset-before-request', 'connect-failure'])
    assert.deepEqual(INBOUND_RETRY, { attempts: 2, conditions, statuses: [], backoffMs: 25 })
  })
})
