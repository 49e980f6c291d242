import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { formatSocketAddress, parseSocketAddress } from './socket-address.ts'

const port = fc.integer({ min: 0, max: 65535 })

test('an IPv4 address survives the way to the kernel and back', () => {
  fc.assert(
    fc.property(fc.ipV4(), port, (address, port) => {
      assert.deepEqual(formatSocketAddress(parseSocketAddress(address, port).bytes), { address, port })
    }),
  )
})

test('an IPv6 address survives it in its canonical form', () => {
  fc.assert(
    fc.property(fc.ipV6(), port, (address, port) => {
      const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1)
      assert.deepEqual(formatSocketAddress(parseSocketAddress(address, port).bytes), {
        address: canonical,
        port,
      })
    }),
  )
})

test('a host name is refused', () => {
  assert.throws(() => parseSocketAddress('localhost', 80), /"localhost" is not an IP address/)
})
