import assert from 'node:assert/strict'
import { randomIndex } from '../../src/base/index.ts'
import { HELLO_BYTES_MAX, parseClientHello } from '../../src/proxy/tls/client-hello.ts'
import type { FuzzTarget } from '../target.ts'

function record(content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([22, 3, 1, content.length >> 8, content.length & 255]), content])
}

function extension(type: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0, type, content.length >> 8, content.length & 255]), content])
}

function lengthed(bytes: number, content: Buffer): Buffer {
  const head = Buffer.alloc(bytes)
  head.writeUIntBE(content.length, 0, bytes)
  return Buffer.concat([head, content])
}

function hello(serverName: string, protocols: readonly string[]): Buffer {
  const name = lengthed(2, Buffer.concat([Buffer.from([0]), lengthed(2, Buffer.from(serverName))]))
  const list = lengthed(2, Buffer.concat(protocols.map((one) => lengthed(1, Buffer.from(one)))))
  const extensions = lengthed(2, Buffer.concat([extension(0, name), extension(16, list)]))
  const fixed = Buffer.concat([Buffer.from([3, 3]), Buffer.alloc(32, 7)])
  const lists = [
    lengthed(1, Buffer.alloc(0)),
    lengthed(2, Buffer.from([0x13, 0x01])),
    lengthed(1, Buffer.from([0])),
  ]
  const body = Buffer.concat([fixed, ...lists, extensions])
  return Buffer.concat([Buffer.from([1]), lengthed(3, body)])
}

const WHOLE = hello('shop.example', ['h2', 'http/1.1'])

/** Hellos with a name, in one record and in two, and one without. */
export const helloRecords: readonly Buffer[] = [
  record(WHOLE),
  Buffer.concat([record(WHOLE.subarray(0, 40)), record(WHOLE.subarray(40))]),
  record(hello('', [])),
]

/**
 * What is said of a hello never changes with the bytes that follow, and never depends on where they were cut; a server
 * name can be looked up as it is.
 */
export const clientHello: FuzzTarget = {
  seeds: helloRecords,
  words: ['\x16\x03\x01', '\x00\x00', '\x00\x10', '\x01\x00', '*', '.', '\xff\xff'],
  check(input, random) {
    const result = parseClientHello(input)
    const cut = randomIndex(random, input.length + 1)
    const before = parseClientHello(input.subarray(0, cut))
    if (before.kind === 'hello' || before.kind === 'other') assert.deepEqual(result, before)
    if (before.kind === 'malformed') assert.equal(result.kind, 'malformed')
    if (result.kind === 'other') assert.notEqual(input[0], 22)
    if (input.length > 2 * HELLO_BYTES_MAX) assert.notEqual(result.kind, 'more')
    if (result.kind !== 'hello' || result.hello.serverName === undefined) return
    assert.match(result.hello.serverName, /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/)
  },
}
