import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  canonicalQuantity,
  formatQuantity,
  parseQuantity,
  quantityToMillis,
  quantityToNumber,
} from './quantity.ts'

test('quantities take their canonical form', () => {
  const forms = {
    '0.5': '500m',
    '1000m': '1',
    '1024Mi': '1Gi',
    '1.5Gi': '1536Mi',
    '100': '100',
    '1e3': '1e3',
    '0': '0',
    '-2k': '-2k',
    '1500Mi': '1500Mi',
    '2000000': '2M',
    '0.1Gi': '107374182400m',
  }
  for (const [text, canonical] of Object.entries(forms))
    assert.equal(canonicalQuantity(text), canonical, text)
})

test('texts that are no quantity are refused', () => {
  for (const text of ['', 'x', '1.2.3', '1 Gi', '1GiB', '--1', '.', '1K'])
    assert.equal(parseQuantity(text), undefined, text)
})

test('what could not be read again once it is printed is refused', () => {
  const digits = '8'.repeat(59)
  for (const text of [`${digits}.1e3`, `${digits}.1e5`, '1000e99'])
    assert.equal(parseQuantity(text), undefined, text)
  assert.equal(canonicalQuantity(`${digits}e3`), `${digits}e3`)
})

test('quantities are numbers', () => {
  const of = (text: string) => parseQuantity(text) ?? assert.fail(text)
  assert.equal(quantityToNumber(of('250m')), 0.25)
  assert.equal(quantityToMillis(of('1.0001')), 1001)
  assert.equal(quantityToNumber(of('1Gi')), 2 ** 30)
})

test('formatting and parsing again changes no value', () => {
  const unit = fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e3')
  fc.assert(
    fc.property(fc.integer({ min: -1_000_000, max: 1_000_000 }), unit, (number, suffix) => {
      const quantity = parseQuantity(`${number}${suffix}`)
      assert.ok(quantity)
      assert.equal(parseQuantity(formatQuantity(quantity))?.nanos, quantity.nanos)
    }),
  )
})
