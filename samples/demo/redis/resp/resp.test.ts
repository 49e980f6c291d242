import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createDatabase } from './database.ts'
import { matchesGlob } from './glob.ts'
import { LIMITS, createCommandParser } from './parser.ts'
import type { Parsed } from './parser.ts'

function parseAll(chunks: readonly Buffer[]): readonly Parsed[] {
  const parser = createCommandParser()
  const parsed: Parsed[] = []
  for (const chunk of chunks) {
    parser.push(chunk)
    for (let next = parser.next(); next.kind !== 'incomplete'; next = parser.next()) {
      parsed.push(next)
      if (next.kind === 'broken') return parsed
    }
  }
  return parsed
}

function encode(command: readonly Uint8Array[]): Buffer {
  const words = command.flatMap((word) => [Buffer.from(`$${word.length}\r\n`), word, Buffer.from('\r\n')])
  return Buffer.concat([Buffer.from(`*${command.length}\r\n`), ...words])
}

test('commands come out as they went in, wherever the stream is cut', () => {
  const commands = fc.array(fc.array(fc.uint8Array({ maxLength: 20 }), { minLength: 1, maxLength: 4 }), {
    maxLength: 5,
  })
  fc.assert(
    fc.property(commands, fc.array(fc.integer({ min: 1, max: 9 })), (given, cuts) => {
      const stream = Buffer.concat(given.map(encode))
      const chunks: Buffer[] = []
      let at = 0
      for (const length of cuts) chunks.push(stream.subarray(at, (at += length)))
      chunks.push(stream.subarray(at))
      const expected = given.map((command) => ({
        kind: 'command',
        command: command.map((word) => Buffer.from(word)),
      }))
      assert.deepEqual(parseAll(chunks), expected)
    }),
  )
})

test('any bytes are read without an exception', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.uint8Array(),
          fc.string({ unit: fc.constantFrom('*', '$', '1', '9', '\r', '\n', '"', '\\', ' ', 'a') }),
        ),
      ),
      (chunks) => {
        assert.ok(Array.isArray(parseAll(chunks.map((chunk) => Buffer.from(chunk as string)))))
      },
    ),
  )
})

test('a line, an array or a command beyond its limit is broken, not kept', () => {
  const isBroken = (bytes: string): boolean => parseAll([Buffer.from(bytes)]).at(-1)?.kind === 'broken'
  assert.ok(isBroken('x'.repeat(LIMITS.inlineBytes + 1)))
  assert.ok(isBroken(`*${LIMITS.arguments + 1}\r\n`))
  assert.ok(isBroken(`*1\r\n$${LIMITS.commandBytes + 1}\r\n`))
  assert.ok(isBroken(`*2\r\n$1\r\nx\r\n$${LIMITS.commandBytes}\r\n`))
  assert.ok(isBroken('GET "open\r\n'))
})

test('patterns match as KEYS documents them', () => {
  const yes = [
    ['*', ''],
    ['user:*', 'user:'],
    ['h?llo', 'hello'],
    ['h*llo', 'heeeello'],
    ['h[ae]llo', 'hallo'],
    ['h[^e]llo', 'hbllo'],
    ['h[a-b]llo', 'hbllo'],
    ['h\\*', 'h*'],
    ['*a*b', 'xaxbab'],
    ['[\\]]', ']'],
  ] as const
  const no = [
    ['', 'x'],
    ['user:*', 'group:x'],
    ['h?llo', 'hllo'],
    ['h[^e]llo', 'hello'],
    ['h[a-b]llo', 'hcllo'],
    ['h\\*', 'hx'],
    ['a', 'ab'],
    ['[a', 'b'],
  ] as const
  for (const [pattern, text] of yes) assert.ok(matchesGlob(pattern, text), `${pattern} ~ ${text}`)
  for (const [pattern, text] of no) assert.ok(!matchesGlob(pattern, text), `${pattern} !~ ${text}`)
})

test('a text matches itself written with a backslash before each letter, and with a star anywhere', () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(), (text, at) => {
      const escape = (part: string): string => part.replace(/[\s\S]/g, '\\$&')
      assert.ok(matchesGlob(escape(text), text))
      const cut = at % (text.length + 1)
      assert.ok(matchesGlob(`${escape(text.slice(0, cut))}*${escape(text.slice(cut))}`, text))
    }),
  )
})

test('a scan names every key that stays, whatever comes and goes meanwhile', () => {
  const steps = fc.array(fc.record({ add: fc.boolean(), key: fc.nat(9).map((key) => `moving:${key}`) }))
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 5 }), (changes, count) => {
      const database = createDatabase({ max: 1e6, used: 0 })
      const value = Buffer.from('x')
      const pending = [...changes]
      const staying = Array.from({ length: 12 }, (_, index) => `staying:${index}`)
      for (const key of staying) {
        database.set(`moving:${key.length}`, value)
        database.set(key, value)
      }
      const seen = new Set<string>()
      let cursor = 0
      do {
        const page = database.scan(cursor, count)
        for (const key of page.keys) seen.add(key)
        cursor = page.next
        const change = pending.shift()
        if (change?.add === true) database.set(change.key, value)
        else if (change !== undefined) database.delete(change.key)
      } while (cursor !== 0)
      assert.ok(staying.every((key) => seen.has(key)))
    }),
  )
})

test('what is stored is bounded, and room comes back with what is deleted', () => {
  const room = { max: 1_000, used: 0 }
  const database = createDatabase(room)
  assert.ok(database.set('a', Buffer.alloc(800)))
  assert.ok(!database.set('b', Buffer.alloc(200)))
  assert.ok(database.set('a', Buffer.alloc(10)))
  assert.ok(database.set('b', Buffer.alloc(200)))
  database.clear()
  assert.equal(room.used, 0)
})
