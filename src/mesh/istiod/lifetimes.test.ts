import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_LIFETIMES } from '../identity/index.ts'
import { certificateLifetimes } from './lifetimes.ts'

// istio/istio pilot/pkg/bootstrap/istio_ca.go has the variables and their defaults
test('lifetimes are Istio’s unless its variables say otherwise, and what does not parse is refused by name', () => {
  assert.deepEqual(certificateLifetimes({}), DEFAULT_LIFETIMES)
  const set = certificateLifetimes({
    DEFAULT_WORKLOAD_CERT_TTL: '1h',
    MAX_WORKLOAD_CERT_TTL: '2h',
    CITADEL_SELF_SIGNED_CA_CERT_TTL: '87600h0m0s',
    CITADEL_SELF_SIGNED_ROOT_CERT_CHECK_INTERVAL: '30s',
    CITADEL_SELF_SIGNED_ROOT_CERT_GRACE_PERIOD_PERCENTILE: '50',
    CITADEL_ENABLE_JITTER_FOR_ROOT_CERT_ROTATOR: 'false',
  })
  assert.deepEqual(
    [set.workloadMs, set.workloadMaxMs, set.rootMs, set.checkMs, set.gracePercent, set.hasJitter],
    [3600_000, 7200_000, DEFAULT_LIFETIMES.rootMs, 30_000, 50, false],
  )
  for (const [name, text] of [
    ['DEFAULT_WORKLOAD_CERT_TTL', 'a day'],
    ['MAX_WORKLOAD_CERT_TTL', '-1h'],
    ['CITADEL_SELF_SIGNED_ROOT_CERT_GRACE_PERIOD_PERCENTILE', '120'],
    ['MAX_WORKLOAD_CERT_TTL', '1h'],
  ] as const) {
    assert.throws(() => certificateLifetimes({ [name]: text }), new RegExp(name))
  }
})
