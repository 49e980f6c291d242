import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { readTraceContext, traceLines, traceReasonOf, withTraceReason } from './index.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'

function read(headers: Readonly<Record<string, string>>) {
  return readTraceContext((name) => headers[name])
}

describe('the context of a trace', () => {
  test('is read in the form of W3C, with its state', () => {
    assert.deepEqual(read({ traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'a=1' }), {
      traceId: TRACE,
      spanId: SPAN,
      isSampled: true,
      traceState: 'a=1',
      form: 'w3c',
    })
    assert.equal(read({ traceparent: `00-${TRACE}-${SPAN}-00` })?.isSampled, false)
    assert.equal(read({ traceparent: `01-${TRACE}-${SPAN}-01-more` })?.spanId, SPAN)
  })

  test('counts as absent when it is malformed', () => {
    const bad = [
      `ff-${TRACE}-${SPAN}-01`,
      `00-${TRACE}-${SPAN}-01-more`,
      `00-${'0'.repeat(32)}-${SPAN}-01`,
      `00-${TRACE}-${'0'.repeat(16)}-01`,
      `00-${TRACE.toUpperCase()}-${SPAN}-01`,
      '00-1-2-3',
      '',
    ]
    for (const traceparent of bad) assert.equal(read({ traceparent }), undefined, traceparent)
    assert.equal(read({ b3: '0' }), undefined)
    assert.equal(read({ 'x-b3-traceid': TRACE }), undefined)
  })

  test('is read in both forms of B3; short ids are filled up', () => {
    const single = read({ b3: `${SPAN}-${SPAN}-d-${SPAN}` })
    assert.deepEqual(
      [single?.traceId, single?.isSampled, single?.form],
      [`${'0'.repeat(16)}${SPAN}`, true, 'b3'],
    )
    assert.equal(read({ b3: `${TRACE}-${SPAN}` })?.isSampled, undefined)
    const multi = { 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN }
    assert.equal(read({ ...multi, 'x-b3-sampled': '0' })?.isSampled, false)
    assert.equal(read({ ...multi, 'x-b3-flags': '1', 'x-b3-sampled': '0' })?.isSampled, true)
    assert.equal(read({ ...multi, traceparent: `00-${TRACE}-${SPAN}-01` })?.form, 'w3c')
  })

  test('that is written is read as the same', () => {
    const hex = (digits: number) =>
      fc
        .array(fc.constantFrom(...Array.from({ length: 16 }, (_, digit) => digit.toString(16))), {
          minLength: digits,
          maxLength: digits,
        })
        .map((all) => all.join(''))
        .filter((text) => /[^0]/.test(text))
    fc.assert(
      fc.property(
        hex(32),
        hex(16),
        fc.option(hex(16), { nil: '' }),
        fc.boolean(),
        fc.constantFrom('w3c' as const, 'b3' as const, 'b3-multi' as const),
        (traceId, spanId, parentId, isSampled, form) => {
          const lines = traceLines({ traceId, spanId, parentId, isSampled, traceState: '', form })
          const headers = Object.fromEntries(
            lines.map((line) => line.slice(0, -2).split(': ') as [string, string]),
          )
          assert.deepEqual(read(headers), { traceId, spanId, isSampled, traceState: '', form: 'w3c' })
          delete headers['traceparent']
          if (form !== 'w3c')
            assert.deepEqual(read(headers), { traceId, spanId, isSampled, traceState: '', form })
        },
      ),
    )
  })
})

test('the decision stands in the version of a UUID, and nowhere else', () => {
  const id = '6c2f3a5e-0000-4000-8000-000000000000'
  const forced = withTraceReason(id, 'client-forced')
  assert.equal(forced, '6c2f3a5e-0000-b000-8000-000000000000')
  assert.equal(traceReasonOf(forced), 'client-forced')
  assert.equal(traceReasonOf(withTraceReason(id, 'sampled')), 'sampled')
  assert.equal(traceReasonOf(id), 'none')
  assert.equal(withTraceReason('mine', 'sampled'), 'mine')
  assert.equal(traceReasonOf('not-a-uuid-9-at-all-but-long-enough-x'), 'none')
})
