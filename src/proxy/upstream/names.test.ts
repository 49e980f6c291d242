import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualClock, createSeededRandom, silentLogger } from '../../base/index.ts'
import { createNameTable, pairFamilies, type ResolvedName } from './names.ts'

/** A resolver that answers what the test has put there; a name without an answer fails. */
function setUp() {
  const clock = createManualClock()
  const answers = new Map<string, ResolvedName>()
  const asked: string[] = []
  const changed: string[] = []
  const table = createNameTable({
    resolve: async (name) => {
      asked.push(name)
      const answer = answers.get(name)
      if (answer === undefined) throw new Error('no such name')
      return answer
    },
    clock,
    random: createSeededRandom(1),
    logger: silentLogger,
    onChange: (name) => changed.push(name),
  })
  /** Lets the answers arrive that are under way. */
  const settle = async () => {
    for (let i = 0; i < 5; i++) await Promise.resolve()
  }
  return { clock, answers, asked, changed, table, settle }
}

test('a name is resolved when it is held, and again when its answer is out of date', async () => {
  const { clock, answers, changed, table, settle } = setUp()
  answers.set('a.example', { addresses: ['192.0.2.2', '192.0.2.1'], ttlMs: 5000 })
  table.retain('a.example')
  await settle()
  assert.deepEqual(table.addressesOf('a.example'), ['192.0.2.1', '192.0.2.2'])
  answers.set('a.example', { addresses: ['192.0.2.3'], ttlMs: 5000 })
  clock.advance(4999)
  await settle()
  assert.deepEqual(table.addressesOf('a.example'), ['192.0.2.1', '192.0.2.2'])
  clock.advance(600)
  await settle()
  assert.deepEqual(table.addressesOf('a.example'), ['192.0.2.3'])
  assert.deepEqual(changed, ['a.example', 'a.example'])
})

test('a resolver that fails leaves the last good answer, and is asked again with growing waits', async () => {
  const { clock, answers, asked, table, settle } = setUp()
  answers.set('a.example', { addresses: ['192.0.2.1'], ttlMs: 1000 })
  table.retain('a.example')
  await settle()
  answers.clear()
  for (let ms = 0; ms < 60_000; ms += 50) {
    clock.advance(50)
    await settle()
  }
  assert.deepEqual(table.addressesOf('a.example'), ['192.0.2.1'])
  assert.ok(asked.length >= 6 && asked.length <= 12, `asked ${asked.length} times in a minute`)
  answers.set('a.example', { addresses: ['192.0.2.9'] })
  clock.advance(70_000)
  await settle()
  assert.deepEqual(table.addressesOf('a.example'), ['192.0.2.9'])
})

test('a name is resolved as long as anybody holds it', async () => {
  const { clock, answers, asked, table, settle } = setUp()
  answers.set('a.example', { addresses: ['192.0.2.1'] })
  table.retain('a.example')
  table.retain('a.example')
  table.release('a.example')
  await settle()
  assert.deepEqual(table.addressesOf('a.example'), ['192.0.2.1'])
  table.release('a.example')
  assert.deepEqual(table.addressesOf('a.example'), [])
  clock.advance(600_000)
  await settle()
  assert.deepEqual(asked, ['a.example'])
})

test('the address in use stays while it is answered, and then is the first of the answer', async () => {
  const { clock, answers, table, settle } = setUp()
  const answer = async (...addresses: readonly string[]) => {
    answers.set('a.example', { addresses, ttlMs: 1000 })
    clock.advance(1200)
    await settle()
  }
  answers.set('a.example', { addresses: ['192.0.2.2', '192.0.2.1'], ttlMs: 1000 })
  table.retain('a.example')
  await settle()
  assert.equal(table.currentOf('a.example'), '192.0.2.2')
  await answer('192.0.2.1', '192.0.2.2')
  assert.equal(table.currentOf('a.example'), '192.0.2.2')
  await answer('192.0.2.9', '192.0.2.1')
  assert.equal(table.currentOf('a.example'), '192.0.2.9')
})

test('an endpoint with both families is one endpoint', () => {
  assert.deepEqual(pairFamilies(['192.0.2.1', '192.0.2.2', '2001:db8::1']), [
    ['192.0.2.1', '2001:db8::1'],
    ['192.0.2.2'],
  ])
  assert.deepEqual(pairFamilies(['192.0.2.1', '2001:db8::1', '2001:db8::2']), [
    ['192.0.2.1', '2001:db8::1', '2001:db8::2'],
  ])
  assert.deepEqual(pairFamilies(['2001:db8::1', '2001:db8::2']), [['2001:db8::1'], ['2001:db8::2']])
})
