import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { translateRetries } from './retries.ts'

const ISTIO = ['connect-failure', 'refused-stream', 'unavailable', 'cancelled', 'retriable-status-codes']

/**
 * istio/istio pilot/pkg/networking/core/route/retry/retry_test.go; istio.io, reference/config/networking/virtual-service
 * (HTTPRetry). That nothing said means the default is the proxy's to know: src/proxy/exchange/retry.ts.
 */
describe('retries of a rule', () => {
  const rows: readonly (readonly [string, Parameters<typeof translateRetries>[0], object | undefined])[] = [
    ['that says nothing are the default', undefined, undefined],
    ['of none turn them off', { attempts: 0 }, { attempts: 0, retryOn: ISTIO }],
    ['below none turn them off', { attempts: -1 }, { attempts: 0, retryOn: ISTIO }],
    ['without conditions have those of the default', { attempts: 2 }, { attempts: 2, retryOn: ISTIO }],
    [
      'with empty conditions have those of the default',
      { attempts: 2, retryOn: '' },
      { attempts: 2, retryOn: ISTIO },
    ],
    [
      'with conditions have these alone',
      { attempts: 2, retryOn: 'some,fake , conditions' },
      { attempts: 2, retryOn: ['some', 'fake', 'conditions'] },
    ],
    [
      'with status codes among them have both',
      { attempts: 2, retryOn: '5xx,429,503' },
      { attempts: 2, retryOn: ['5xx', '429', '503'] },
    ],
    [
      'with a time for each try',
      { attempts: 2, perTryTimeout: '5s' },
      { attempts: 2, retryOn: ISTIO, perTryTimeoutMs: 5000 },
    ],
    ['with a backoff', { attempts: 1, backoff: '10ms' }, { attempts: 1, retryOn: ISTIO, backoffMs: 10 }],
    [
      'for other localities',
      { attempts: 2, retryRemoteLocalities: true },
      { attempts: 2, retryOn: ISTIO, otherLocalities: true },
    ],
    [
      'for the same hosts as well',
      { attempts: 2, retryIgnorePreviousHosts: false },
      { attempts: 2, retryOn: ISTIO, sameHosts: true },
    ],
    [
      'for other hosts first, as by default',
      { attempts: 2, retryIgnorePreviousHosts: true },
      { attempts: 2, retryOn: ISTIO },
    ],
  ]
  for (const [title, given, expected] of rows) {
    test(title, () => {
      const problems: string[] = []
      assert.deepEqual(translateRetries(given, 'spec', problems), expected)
      assert.deepEqual(problems, [])
    })
  }
})
