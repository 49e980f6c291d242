import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { crc32c } from './crc32c.ts'
import { type ProxyHeader, readProxyHeader, V1_BYTES_MAX, V2_SIGNATURE } from './read.ts'
import { proxyHeader } from './write.ts'

const FOUR = {
  source: { address: '192.0.2.7', port: 40_000 },
  destination: { address: '198.51.100.1', port: 443 },
}
const SIX = {
  source: { address: '2001:db8::7', port: 40_000 },
  destination: { address: '2001:db8:1::1', port: 443 },
}

function read(...parts: readonly (string | Uint8Array)[]): ProxyHeader {
  return readProxyHeader(Buffer.concat(parts.map((part) => Buffer.from(part as string, 'latin1'))))
}

/** A header of version 2 with these bytes after the first 16. */
function version2(command: number, family: number, content: Uint8Array = new Uint8Array()): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(content.length)
  return Buffer.concat([V2_SIGNATURE, Buffer.from([command, family]), length, content])
}

const IPV4 = Buffer.from('c0000207c63364019c4001bb', 'hex')

test('both versions say both families, and what they say is read again wherever the bytes are cut', () => {
  for (const version of ['v1', 'v2'] as const) {
    for (const addresses of [FOUR, SIX]) {
      const header = proxyHeader(version, addresses)
      assert.deepEqual(readProxyHeader(Buffer.concat([header, Buffer.from('GET / ')])), {
        kind: 'header',
        length: header.length,
        addresses,
      })
      for (let cut = 0; cut < header.length; cut++) {
        assert.equal(readProxyHeader(header.subarray(0, cut)).kind, 'more', `${version} cut at ${cut}`)
      }
    }
  }
})

test('the text of version 1 is the specification’s', () => {
  assert.equal(proxyHeader('v1', FOUR).toString(), 'PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n')
  assert.equal(proxyHeader('v1').toString(), 'PROXY UNKNOWN\r\n')
  const mixed = { source: FOUR.source, destination: SIX.destination }
  assert.equal(proxyHeader('v1', mixed).toString(), 'PROXY UNKNOWN\r\n')
  assert.equal(
    proxyHeader('v2', FOUR).toString('hex'),
    `${V2_SIGNATURE.toString('hex')}2111000c${IPV4.toString('hex')}`,
  )
})

test('a balancer that speaks for itself, or does not know, changes nothing', () => {
  for (const header of [
    proxyHeader('v1'),
    proxyHeader('v2'),
    Buffer.from('PROXY UNKNOWN ffff::1 anything at all 0 0\r\n'),
    version2(0x20, 0x11, IPV4),
    version2(0x20, 0xff, Buffer.from([1])),
    version2(0x21, 0x00, Buffer.from([4, 0, 1, 0])),
    version2(0x21, 0x31, Buffer.alloc(216)),
  ]) {
    assert.deepEqual(readProxyHeader(header), { kind: 'header', length: header.length })
  }
})

test('what is not exactly a header of version 1 is refused', () => {
  for (const text of [
    'GET / HTTP/1.1\r\n',
    'proxy TCP4 192.0.2.7 198.51.100.1 40000 443\r\n',
    'PROXY  TCP4 192.0.2.7 198.51.100.1 40000 443\r\n',
    'PROXY TCP4 192.0.2.7  198.51.100.1 40000 443\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 40000 443 \r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 40000\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 40000 65536\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 040000 443\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 -1 443\r\n',
    'PROXY TCP4 192.0.2.007 198.51.100.1 40000 443\r\n',
    'PROXY TCP4 192.0.2 198.51.100.1 40000 443\r\n',
    'PROXY TCP4 ::1 ::1 40000 443\r\n',
    'PROXY TCP6 192.0.2.7 198.51.100.1 40000 443\r\n',
    'PROXY TCP6 fe80::1%eth0 ::1 40000 443\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\nGET / HTTP/1.1\r\n',
    'PROXY UDP4 192.0.2.7 198.51.100.1 40000 443\r\n',
    'PROXY TCP4\r\n',
    'PROXY \r\n',
    `PROXY UNKNOWN ${'x'.repeat(V1_BYTES_MAX)}`,
  ]) {
    assert.equal(read(text).kind, 'malformed', JSON.stringify(text))
  }
  const longest = `PROXY UNKNOWN ${'x'.repeat(V1_BYTES_MAX - 16)}\r\n`
  assert.deepEqual(read(longest), { kind: 'header', length: V1_BYTES_MAX })
})

test('what is not exactly a header of version 2 is refused', () => {
  const cases: Readonly<Record<string, Buffer>> = {
    'another version': version2(0x11, 0x11, IPV4),
    'another command': version2(0x22, 0x11, IPV4),
    'another family': version2(0x21, 0x41, IPV4),
    datagrams: version2(0x21, 0x12, IPV4),
    'no transport': version2(0x21, 0x10, IPV4),
    'addresses cut short': version2(0x21, 0x11, IPV4.subarray(1)),
    'an extension without its length': version2(0x21, 0x11, Buffer.concat([IPV4, Buffer.from([4, 0])])),
    'an extension longer than the header': version2(
      0x21,
      0x11,
      Buffer.concat([IPV4, Buffer.from([4, 0, 9, 1])]),
    ),
    'a checksum of two bytes': version2(0x21, 0x11, Buffer.concat([IPV4, Buffer.from([3, 0, 2, 1, 1])])),
    'a wrong checksum': version2(0x21, 0x11, Buffer.concat([IPV4, Buffer.from([3, 0, 4, 1, 1, 1, 1])])),
  }
  for (const [name, header] of Object.entries(cases)) {
    assert.equal(readProxyHeader(header).kind, 'malformed', name)
  }
  const tooLong = Buffer.concat([V2_SIGNATURE, Buffer.from([0x21, 0x11, 0xff, 0xff])])
  assert.equal(readProxyHeader(tooLong).kind, 'malformed')
})

test('extensions that are not known are passed over, and a right checksum is right', () => {
  const unknown = Buffer.concat([
    IPV4,
    Buffer.from([0xea, 0, 3, 1, 2, 3]),
    Buffer.from([3, 0, 4, 0, 0, 0, 0]),
  ])
  const header = version2(0x21, 0x11, unknown)
  header.writeUInt32BE(crc32c(header), header.length - 4)
  assert.deepEqual(readProxyHeader(header), { kind: 'header', length: header.length, addresses: FOUR })
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
})

test('any addresses of one family are read as they were written', () => {
  const port = fc.integer({ min: 0, max: 65_535 })
  const ends = fc.oneof(fc.tuple(fc.ipV4(), fc.ipV4()), fc.tuple(fc.ipV6(), fc.ipV6()))
  fc.assert(
    fc.property(
      ends,
      port,
      port,
      fc.constantFrom('v1' as const, 'v2' as const),
      ([from, to], a, b, version) => {
        const addresses = { source: { address: from, port: a }, destination: { address: to, port: b } }
        const header = proxyHeader(version, addresses)
        const first = readProxyHeader(header)
        assert.equal(first.kind, 'header')
        if (first.kind !== 'header') return
        assert.ok(first.addresses, `${from} ${to}`)
        // However an address was written, it is read in one form.
        assert.deepEqual(readProxyHeader(proxyHeader(version, first.addresses)), {
          ...first,
          length: proxyHeader(version, first.addresses).length,
        })
        assert.equal(first.addresses.source.port, a)
        assert.equal(first.addresses.destination.port, b)
      },
    ),
  )
})
