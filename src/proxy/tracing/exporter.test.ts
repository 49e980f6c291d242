import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createManualClock, silentLogger } from '../../base/index.ts'
import type { FinishedSpan } from '../../telemetry/index.ts'
import { createSpanExporter, QUEUE_SPANS_MAX, type SpanTransport } from './exporter.ts'

const SPAN: FinishedSpan = {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  parentId: '',
  traceState: '',
  name: 'n',
  kind: 'server',
  startMs: 1,
  endMs: 2,
  attributes: [],
  isError: false,
}

function start() {
  const clock = createManualClock()
  const exports: { resolve: (rejected: number) => void; reject: (error: Error) => void }[] = []
  let closed = 0
  const transport: SpanTransport = {
    send: () =>
      new Promise((resolve, reject) => {
        exports.push({ resolve: (rejected) => resolve({ rejected, message: '' }), reject })
      }),
    close: () => {
      closed++
    },
  }
  const exporter = createSpanExporter({
    transport,
    resource: () => [],
    scope: { name: 's', version: '1' },
    clock,
    logger: silentLogger,
  })
  return { clock, exports, exporter, closed: () => closed }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('the exporter of spans', () => {
  test('sends after a second, or at once when a batch is full', async () => {
    const { clock, exports, exporter } = start()
    exporter.add(SPAN)
    assert.equal(exports.length, 0)
    clock.advance(1000)
    assert.equal(exports.length, 1)
    exports[0]?.resolve(0)
    await turn()
    assert.equal(exporter.counters.sent, 1)
    for (let i = 0; i < 512; i++) exporter.add(SPAN)
    clock.advance(0)
    assert.equal(exports.length, 2)
  })

  test('has one export under way, keeps a bounded queue beside it and counts the rest as dropped', async () => {
    const { clock, exports, exporter } = start()
    exporter.add(SPAN)
    clock.advance(1000)
    for (let i = 0; i < QUEUE_SPANS_MAX + 10; i++) exporter.add(SPAN)
    clock.advance(60_000)
    assert.equal(exports.length, 1)
    assert.equal(exporter.counters.dropped, 10)
  })

  test('leaves a collector that fails alone for longer and longer', async () => {
    const { clock, exports, exporter } = start()
    exporter.add(SPAN)
    clock.advance(1000)
    exports[0]?.reject(new Error('no'))
    await turn()
    assert.deepEqual([exporter.counters.failures, exporter.counters.dropped], [1, 1])
    exporter.add(SPAN)
    clock.advance(1999)
    assert.equal(exports.length, 1)
    clock.advance(1)
    assert.equal(exports.length, 2)
    exports[1]?.resolve(1)
    await turn()
    assert.deepEqual([exporter.counters.sent, exporter.counters.dropped], [0, 2])
  })

  test('sends what it has when it is closed, and then takes no more', async () => {
    const { exports, exporter, closed } = start()
    exporter.add(SPAN)
    exporter.close()
    exporter.add(SPAN)
    assert.equal(exports.length, 1)
    assert.equal(closed(), 0)
    exports[0]?.resolve(0)
    await turn()
    assert.equal(closed(), 1)
    assert.deepEqual([exporter.counters.sent, exporter.counters.dropped], [1, 1])
  })
})
