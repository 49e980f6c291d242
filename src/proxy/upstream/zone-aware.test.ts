import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Locality } from '../../model/index.ts'
import { workloadObject } from '../testing.ts'
import { zoneParts } from './zone-aware.ts'

const at = (zone: string): Locality => ({ region: 'r', zone, subzone: '' })
const hostAt = (zone: string, i: number) => {
  const workload = {
    ...workloadObject(`${zone}-${i}`, { address: '10.0.0.1', services: {} }),
    locality: at(zone),
  }
  return { zone, weight: 1, workload: () => workload }
}
const hostsAt = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts).flatMap(([zone, count]) => Array.from({ length: count }, (_, i) => hostAt(zone, i)))
const clientsAt = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts).flatMap(([zone, count]) => Array.from({ length: count }, () => at(zone)))

type Counts = Readonly<Record<string, number>>

function partsFrom(zone: string, hosts: Counts, clients: Counts, minClusterSize = 1): Counts | undefined {
  const parts = zoneParts(hostsAt(hosts), { own: at(zone), around: clientsAt(clients), minClusterSize })
  return parts && Object.fromEntries(parts.map((one) => [one.hosts[0]?.zone ?? '', one.part]))
}

test('a zone with hosts enough for its clients keeps their requests', () => {
  assert.deepEqual(partsFrom('a', { a: 3, b: 3 }, { a: 1, b: 1 }), { a: 1 })
  assert.deepEqual(partsFrom('a', { a: 5, b: 1 }, { a: 1, b: 1 }), { a: 1 })
})

test('what is too much for a zone goes where there is room, by how much there is', () => {
  assert.deepEqual(partsFrom('a', { a: 1, b: 2, c: 1 }, { a: 2, b: 1, c: 1 }), { a: 0.5, b: 0.5 })
})

test('few hosts, none near, or a client of no known place: all hosts are alike', () => {
  assert.equal(partsFrom('a', { a: 3, b: 2 }, { a: 1 }, 6), undefined)
  assert.equal(partsFrom('c', { a: 3, b: 3 }, { a: 1, c: 1 }), undefined)
  assert.equal(
    zoneParts(hostsAt({ a: 6 }), { own: undefined, around: clientsAt({ a: 1 }), minClusterSize: 1 }),
    undefined,
  )
})

test('whatever the zones are, each gets as much of all requests as it has of the hosts', () => {
  const zones = ['a', 'b', 'c', 'd'] as const
  const counts = (min: number) => fc.tuple(...zones.map(() => fc.integer({ min, max: 9 })))
  const named = (list: readonly number[]): Counts =>
    Object.fromEntries(zones.map((zone, i) => [zone, list[i] ?? 0]))
  fc.assert(
    fc.property(counts(1), counts(0), (hosts, clients) => {
      const allHosts = hosts.reduce((a, b) => a + b)
      const allClients = clients.reduce((a, b) => a + b)
      fc.pre(allClients > 0)
      const got = new Map<string, number>()
      for (const [i, zone] of zones.entries()) {
        const share = (clients[i] ?? 0) / allClients
        if (share === 0) continue
        const parts = partsFrom(zone, named(hosts), named(clients)) ?? {}
        assert.ok(Math.abs(Object.values(parts).reduce((a, b) => a + b, 0) - 1) < 1e-9)
        for (const [to, part] of Object.entries(parts)) got.set(to, (got.get(to) ?? 0) + share * part)
      }
      for (const [i, zone] of zones.entries()) {
        assert.ok(Math.abs((got.get(zone) ?? 0) - (hosts[i] ?? 0) / allHosts) < 1e-9, zone)
      }
    }),
  )
})
