import assert from 'node:assert/strict'
import { readProxyHeader, V2_BYTES_MAX } from '../../src/proxy/proxy-protocol/read.ts'
import { proxyHeader } from '../../src/proxy/proxy-protocol/write.ts'
import type { FuzzTarget } from '../target.ts'

const FOUR = {
  source: { address: '192.0.2.7', port: 40_000 },
  destination: { address: '198.51.100.1', port: 443 },
}
const SIX = {
  source: { address: '2001:db8::7', port: 40_000 },
  destination: { address: '2001:db8:1::1', port: 443 },
}

/** The header that a balancer puts before a connection: cut anywhere it means the same, and what it says can be said again. */
export const proxyProtocol: FuzzTarget = {
  seeds: [
    proxyHeader('v1', FOUR),
    proxyHeader('v1', SIX),
    proxyHeader('v2', FOUR),
    proxyHeader('v2', SIX),
    proxyHeader('v1'),
    proxyHeader('v2'),
  ],
  words: ['PROXY ', 'TCP4', 'TCP6', 'UNKNOWN', '\r\n', ' ', '::', '65535', '\x03\x00\x04', '\x21\x11\x00'],
  check(input, random) {
    const whole = readProxyHeader(input)
    const part = readProxyHeader(input.subarray(0, Math.floor(random.next() * (input.length + 1))))
    if (part.kind !== 'more') assert.equal(part.kind, whole.kind)
    if (part.kind === 'header') assert.deepEqual(part, whole)
    if (whole.kind === 'more') assert.ok(input.length < V2_BYTES_MAX, 'more is waited for than is allowed')
    if (whole.kind !== 'header') return
    assert.ok(whole.length <= Math.min(input.length, V2_BYTES_MAX))
    if (whole.addresses === undefined) return
    for (const version of ['v1', 'v2'] as const) {
      const again = readProxyHeader(proxyHeader(version, whole.addresses))
      assert.deepEqual(again.kind === 'header' && again.addresses, whole.addresses)
    }
  },
}
