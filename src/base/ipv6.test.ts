import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatIpv6, ipv6At, ipv6Count, ipv6Offset, parseIpv6, parseIpv6Cidr } from './ipv6.ts'

test('an address is written as RFC 5952 wants it', () => {
  for (const [given, wanted] of [
    ['FD00:10:43:0:0:0:0:0A', 'fd00:10:43::a'],
    ['::', '::'],
    ['::1', '::1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['::ffff:10.0.0.1', '::ffff:a00:1'],
  ] as const)
    assert.equal(formatIpv6(parseIpv6(given) ?? new Uint8Array(16)), wanted)
})

test('addresses of a network are counted from its first', () => {
  const cidr = parseIpv6Cidr('fd00:10:42::7/112')
  assert.ok(cidr)
  assert.equal(ipv6Count(cidr), 65_536)
  assert.equal(ipv6At(cidr, 0), 'fd00:10:42::')
  assert.equal(ipv6At(cidr, 258), 'fd00:10:42::102')
  assert.equal(ipv6Offset(cidr, 'fd00:10:42:0::102'), 258)
  for (const other of ['fd00:10:43::1', 'fd00:10:42::1:0', '10.42.0.1', 'nothing'])
    assert.equal(ipv6Offset(cidr, other), undefined)
})

test('a network that is too large to count, and what is no network, is refused', () => {
  for (const text of ['fd00::/64', 'fd00::', '10.42.0.0/16', 'fd00::/129'])
    assert.equal(parseIpv6Cidr(text), undefined)
})
