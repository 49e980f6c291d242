import assert from 'node:assert/strict'
import { test } from 'node:test'
import { detectPreface } from './preface.ts'
import { PREFACE } from './protocol.ts'

test('the preface of HTTP/2 is known after its first line, and doubted until then', () => {
  for (let length = 0; length < 16; length++) assert.equal(detectPreface(PREFACE, 0, length), 'more')
  for (let length = 16; length <= PREFACE.length; length++)
    assert.equal(detectPreface(PREFACE, 0, length), 'http2')
})

test('other first bytes are told apart at the first that differs', () => {
  for (const text of [
    'GET / HTTP/1.1\r\n',
    'P',
    'PRI',
    'PRI * HTTP/2.1\r\n',
    'PRI * HTTP/1.1\r\n',
    'PROPFIND',
    '\x16\x03\x01',
  ])
    assert.equal(
      detectPreface(Buffer.from(text), 0, text.length),
      /^P?$|^PRI$/.test(text) ? 'more' : 'other',
      text,
    )
})

test('only the bytes between start and end are looked at', () => {
  const bytes = Buffer.concat([Buffer.from('xx'), PREFACE])
  assert.equal(detectPreface(bytes, 2, bytes.length), 'http2')
  assert.equal(detectPreface(bytes, 2, 5), 'more')
})
