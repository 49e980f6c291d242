import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createHeadBlock, type HeadBlock, MARKS, resetHeadBlock } from '../../http1/head-block.ts'
import { createOutBuffer } from '../../http1/out-buffer.ts'
import { createDecoder, type Decoder, assembledEntries, decodeSection } from './decoder.ts'
import {
  beginSection,
  createEncoder,
  type Encoder,
  limitEncoderTable,
  putField,
  putHeadFields,
  putLines,
} from './encoder.ts'
import {
  beginHead,
  createHeadAssembly,
  HEAD_PROBLEM,
  type HeadAssembly,
  MARK_NEVER_INDEXED,
  SECTION,
} from './head-assembly.ts'
import { decodedLengthMax, decodeHuffman, encodedLength, encodeHuffman } from './huffman.ts'

type Fields = readonly (readonly [name: string, value: string])[]

const assembly = createHeadAssembly(createHeadBlock())

function decode(
  decoder: Decoder,
  bytes: Buffer,
  section: number = SECTION.request,
): HeadAssembly | undefined {
  beginHead(assembly, section, createHeadBlock())
  return decodeSection(decoder, assembly, bytes, 0, bytes.length) ? assembly : undefined
}

function encode(encoder: Encoder, fields: Fields): Buffer {
  const out = createOutBuffer()
  beginSection(encoder, out)
  for (const [name, value] of fields) putField(encoder, out, name, value)
  return Buffer.from(out.bytes.subarray(0, out.length))
}

/** What a receiver reads: pseudo-header fields, then lines, without the `host` that stands for `:authority`. */
function read(decoder: Decoder, bytes: Buffer, section?: number): [string, string][] | undefined {
  const decoded = decode(decoder, bytes, section)
  return decoded && assembledEntries(decoded).filter(([name]) => name !== 'host')
}

const tableSize = (decoder: Decoder) => decoder.table.size

describe('the examples of RFC 7541, appendix C', () => {
  const REQUESTS: readonly Fields[] = [
    [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':authority', 'www.example.com'],
      [':path', '/'],
    ],
    [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':authority', 'www.example.com'],
      [':path', '/'],
      ['cache-control', 'no-cache'],
    ],
    [
      [':method', 'GET'],
      [':scheme', 'https'],
      [':authority', 'www.example.com'],
      [':path', '/index.html'],
      ['custom-key', 'custom-value'],
    ],
  ]
  const SEQUENCES: readonly (readonly [string, readonly string[]])[] = [
    [
      'C.3 without Huffman coding',
      [
        '828684410f7777772e6578616d706c652e636f6d',
        '828684be58086e6f2d6361636865',
        '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
      ],
    ],
    [
      'C.4 with Huffman coding',
      [
        '828684418cf1e3c2e5f23a6ba0ab90f4ff',
        '828684be5886a8eb10649cbf',
        '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
      ],
    ],
  ]
  for (const [name, blocks] of SEQUENCES) {
    test(`requests of ${name}`, () => {
      const decoder = createDecoder()
      const sizes = [57, 110, 164]
      blocks.forEach((block, index) => {
        assert.deepEqual(read(decoder, Buffer.from(block, 'hex')), REQUESTS[index])
        assert.equal(tableSize(decoder), sizes[index])
      })
    })
  }

  test('responses of C.6, with evictions from a table of 256 bytes', () => {
    const decoder = createDecoder()
    decoder.table.sizeMax = 256
    const blocks = [
      '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
      '4883640effc1c0bf',
      '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
    ]
    const first = read(decoder, Buffer.from(blocks[0] as string, 'hex'), SECTION.response)
    assert.deepEqual(first, [
      [':status', '302'],
      ['cache-control', 'private'],
      ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
      ['location', 'https://www.example.com'],
    ])
    assert.equal(tableSize(decoder), 222)
    assert.equal(read(decoder, Buffer.from(blocks[1] as string, 'hex'), SECTION.response)?.[0]?.[1], '307')
    const third = read(decoder, Buffer.from(blocks[2] as string, 'hex'), SECTION.response)
    assert.deepEqual(third?.slice(-2), [
      ['content-encoding', 'gzip'],
      ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
    ])
    assert.equal(tableSize(decoder), 215)
  })
})

describe('Huffman coding', () => {
  const decoded = (hex: string) => {
    const bytes = Buffer.from(hex, 'hex')
    const target = Buffer.alloc(decodedLengthMax(bytes.length) + 1)
    const end = decodeHuffman(bytes, 0, bytes.length, target, 0)
    return end < 0 ? undefined : target.toString('latin1', 0, end)
  }

  test('any bytes come back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (array) => {
        const bytes = Buffer.from(array)
        const target = Buffer.alloc(encodedLength(bytes, 0, bytes.length))
        assert.equal(encodeHuffman(bytes, 0, bytes.length, target, 0), target.length)
        assert.equal(decoded(target.toString('hex')), bytes.toString('latin1'))
      }),
      { numRuns: 500 },
    )
  })

  test('padding is at most seven bits long and all ones; the end marker is refused', () => {
    assert.equal(decoded('1f'), 'a')
    assert.equal(decoded('1fff'), undefined, 'a byte of padding')
    assert.equal(decoded('ff'), undefined, 'padding alone, eight bits')
    assert.equal(decoded('18'), undefined, 'padding of zeros')
    assert.equal(decoded('1e'), undefined, 'padding that ends in a zero')
    assert.equal(decoded('ffffffff'), undefined, 'the end marker')
    assert.equal(decoded('fffffffc'), undefined, 'the end marker alone')
    assert.equal(decoded(''), '')
  })
})

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,18}$/).filter((text) => !RESERVED.has(text))
const value = fc
  .string({
    unit: fc.integer({ min: 0x21, max: 0xff }).map((code) => String.fromCharCode(code)),
    maxLength: 40,
  })
  .map((text) => text.replaceAll('\x7f', ''))
const RESERVED = new Set([
  'cookie',
  'host',
  'te',
  'connection',
  'upgrade',
  'content-length',
  'transfer-encoding',
  'keep-alive',
  'proxy-connection',
])
/** Few names and values, so that they repeat, and any others. */
const field = fc.oneof(
  fc.tuple(fc.constantFrom('date', 'server', 'x-a', 'x-b', 'etag'), fc.constantFrom('1', '2', 'a b', '')),
  fc.tuple(name, value),
)
const sections = fc.array(fc.array(field, { maxLength: 12 }), { minLength: 1, maxLength: 12 })

describe('encoder and decoder', () => {
  test('what one writes the other reads, whatever came before', () => {
    fc.assert(
      fc.property(sections, (all) => {
        const encoder = createEncoder()
        const decoder = createDecoder()
        for (const fields of all) {
          assert.deepEqual(read(decoder, encode(encoder, fields), SECTION.response), fields)
          assert.equal(encoder.table.size, decoder.table.size)
          assert.ok(decoder.table.size <= decoder.table.sizeMax)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('also while the size of the table changes', () => {
    fc.assert(
      fc.property(
        sections,
        fc.array(fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 3 }), { maxLength: 12 }),
        (all, sizes) => {
          const encoder = createEncoder()
          const decoder = createDecoder()
          all.forEach((fields, index) => {
            for (const size of sizes[index] ?? []) limitEncoderTable(encoder, size)
            assert.deepEqual(read(decoder, encode(encoder, fields), SECTION.response), fields)
            assert.equal(encoder.table.size, decoder.table.size)
          })
        },
      ),
      { numRuns: 300 },
    )
  })

  test('a decoded head goes on as it came, and again as lines', () => {
    fc.assert(
      fc.property(sections, (all) => {
        const encoders = [createEncoder(), createEncoder(), createEncoder()] as const
        const decoders = [createDecoder(), createDecoder(), createDecoder()] as const
        const out = createOutBuffer()
        for (const fields of all) {
          const block = createHeadBlock()
          beginHead(assembly, SECTION.response, block)
          const bytes = encode(encoders[0], fields)
          assert.ok(decodeSection(decoders[0], assembly, bytes, 0, bytes.length))
          out.length = 0
          putHeadFields(encoders[1], out, block, 0)
          const forwarded = Buffer.from(out.bytes.subarray(0, out.length))
          assert.deepEqual(read(decoders[1], forwarded, SECTION.response), fields)
          out.length = 0
          putLines(
            encoders[2],
            out,
            fields.map(([key, text]) => `${key.toUpperCase()}: ${text}\r\n`).join(''),
          )
          const lines = Buffer.from(out.bytes.subarray(0, out.length))
          assert.deepEqual(read(decoders[2], lines, SECTION.response), fields)
        }
      }),
      { numRuns: 200 },
    )
  })

  test('a field that repeats costs one byte, one that varies never enters the table', () => {
    const encoder = createEncoder()
    encode(encoder, [['x-request-id', 'first']])
    const before = encoder.table.next
    for (let index = 0; index < 50; index++) encode(encoder, [['x-request-id', `id-${index}`]])
    assert.equal(encoder.table.next, before)
    for (let index = 0; index < 2; index++) encode(encoder, [['server', 'istio-envoy']])
    assert.equal(encode(encoder, [['server', 'istio-envoy']]).length, 1)
  })

  test('a field that came as never indexed goes on as never indexed', () => {
    const block = createHeadBlock()
    const secret = Buffer.concat([
      Buffer.from([0x10, 8]),
      Buffer.from('x-secret'),
      Buffer.from([3]),
      Buffer.from('abc'),
    ])
    beginHead(assembly, SECTION.request, block)
    assert.ok(decodeSection(createDecoder(), assembly, secret, 0, secret.length))
    assert.ok(((block.fields[MARKS] as number) & MARK_NEVER_INDEXED) !== 0)
    const encoder = createEncoder()
    for (let index = 0; index < 3; index++) {
      const out = createOutBuffer()
      putHeadFields(encoder, out, block, 0)
      assert.deepEqual(out.bytes.subarray(0, out.length), secret)
    }
    assert.equal(encoder.table.size, 0)
  })

  test('short secrets are never indexed', () => {
    const encoder = createEncoder()
    for (let index = 0; index < 3; index++) {
      assert.equal((encode(encoder, [['authorization', 'Basic YTpi']])[0] as number) & 0xf0, 0x10)
      assert.equal((encode(encoder, [['set-cookie', 'a=b']])[0] as number) & 0xf0, 0x10)
    }
  })
})

describe('the decoder', () => {
  const REFUSED: readonly (readonly [why: string, hex: string])[] = [
    ['index 0 is used', '80'],
    ['an index is beyond both tables', 'be'],
    ['the name of a literal is beyond both tables', '7e0161'],
    ['an integer does not end', 'ffffffffffffffff'],
    ['an integer has more bytes than any index', 'ff808080808001'],
    ['the section ends within an integer', 'ff80'],
    ['the section ends within a name', '400561'],
    ['the section ends before the value', '400161'],
    ['the section ends within a value', '4001610561'],
    ['the size of the table changes after a field', '8220'],
    ['the table becomes larger than allowed', '3fe21f'],
    ['a string is padded with eight bits', '400161821fff'],
    ['a string holds the end marker', '40016184ffffffff'],
  ]
  for (const [why, hex] of REFUSED) {
    test(`ends the connection when ${why}`, () => {
      assert.equal(decode(createDecoder(), Buffer.from(hex, 'hex')), undefined)
    })
  }

  test('takes a change of size at the beginning, twice', () => {
    const decoder = createDecoder()
    assert.ok(decode(decoder, Buffer.from('203fe11f82', 'hex')))
    assert.equal(decoder.table.sizeMax, 4096)
  })

  test('insists on a change of size when the limit has become smaller', () => {
    const decoder = createDecoder()
    decoder.sizeLimit = 100
    assert.equal(decode(decoder, Buffer.from('82', 'hex')), undefined)
    assert.ok(decode(decoder, Buffer.from('3f4582', 'hex')))
  })

  test('does not copy more than the limit on a head, whatever one byte stands for', () => {
    const decoder = createDecoder()
    const large = Buffer.alloc(3000, 97)
    const insert = Buffer.concat([Buffer.from([0x40, 1, 98, 0x7f, 0xb9, 0x16]), large])
    const bomb = Buffer.concat([insert, Buffer.alloc(60_000, 0xbe)])
    const bombed = decode(decoder, bomb)
    assert.equal(bombed?.excess, HEAD_PROBLEM.tooLarge)
    assert.ok((bombed?.block.storage.length ?? 0) <= 128 * 1024)
    assert.equal(bombed?.block.count, 20)
    assert.deepEqual(read(decoder, Buffer.from([0xbe]))?.[0]?.[0], 'b', 'the table is still that of the peer')
  })

  test('counts fields up to the limit', () => {
    const many = Buffer.concat(Array.from({ length: 101 }, () => Buffer.from([0, 1, 97, 1, 98])))
    assert.equal(decode(createDecoder(), many)?.excess, HEAD_PROBLEM.tooMany)
  })

  test('joins cookie crumbs', () => {
    const bytes = encode(createEncoder(), [
      [':method', 'GET'],
      ['cookie', 'a=b'],
      ['x', 'y'],
      ['cookie', 'c=d'],
      ['cookie', 'e=f'],
    ])
    assert.deepEqual(read(createDecoder(), bytes), [
      [':method', 'GET'],
      ['x', 'y'],
      ['cookie', 'a=b; c=d; e=f'],
    ])
  })

  test('any bytes are read or refused, and a refused section leaves no trace in the next head', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 5 }), (blocks) => {
        const decoder = createDecoder()
        const block: HeadBlock = createHeadBlock()
        for (const bytes of blocks) {
          resetHeadBlock(block)
          beginHead(assembly, SECTION.request, block)
          if (!decodeSection(decoder, assembly, Buffer.from(bytes), 0, bytes.length)) return
          assert.ok(decoder.table.size <= decoder.table.sizeMax)
          assert.ok(block.length <= block.storage.length)
        }
      }),
      { numRuns: 1000 },
    )
  })
})
