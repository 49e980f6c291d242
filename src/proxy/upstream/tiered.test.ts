import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createSeededRandom } from '../../base/index.ts'
import type { LocalityBalancing, Workload } from '../../model/index.ts'
import { changesOf, ok, respondWith, serviceObject, until, workloadObject } from '../testing.ts'
import { createBalancer } from './balancer.ts'
import { type Tiers, tiersOf } from './locality.ts'
import { bodyOf, createPolicyBench } from './testing.ts'
import { availability, createTieredBalancer, priorityLoads, tiersLeft } from './tiered.ts'

describe("the load of priorities is Envoy's", () => {
  // Healthy percent of each priority → percent of requests.
  const CASES = [
    [
      [100, 100],
      [100, 0],
    ],
    [
      [72, 72],
      [100, 0],
    ],
    [
      [71, 71],
      [99, 1],
    ],
    [
      [50, 50],
      [70, 30],
    ],
    [
      [25, 100],
      [35, 65],
    ],
    [
      [25, 25],
      [50, 50],
    ],
    [
      [0, 100],
      [0, 100],
    ],
    [
      [100, 100, 100],
      [100, 0, 0],
    ],
    [
      [72, 100, 100],
      [100, 0, 0],
    ],
    [
      [71, 100, 100],
      [99, 1, 0],
    ],
    [
      [50, 50, 100],
      [70, 30, 0],
    ],
    [
      [50, 0, 100],
      [70, 0, 30],
    ],
    [
      [0, 0, 0],
      [100, 0, 0],
    ],
  ] as const
  for (const [healthy, loads] of CASES) {
    test(`healthy ${healthy.join(', ')} → ${loads.join(', ')}`, () => {
      assert.deepEqual(priorityLoads(healthy.map((percent) => availability(percent, 100))), loads)
    })
  }
})

describe('tiers that a request has not tried', () => {
  const host = (address: string) => ({ address, weight: 1, active: () => 0 })
  const tier = (...addresses: readonly string[]) => ({ hosts: addresses.map(host), weight: 0 })
  const tiers = { kind: 'priorities', tiers: [tier('a', 'b'), tier('c'), tier('d')] } as const
  const left = (...tried: readonly string[]) =>
    tiersLeft(tiers, tried).tiers.map(({ hosts }) => hosts.map((one) => one.address).join(''))

  test('a first failure leaves all of them', () => assert.deepEqual(left('a'), ['ab', 'c', 'd']))
  test('a second one takes those that were tried away', () => assert.deepEqual(left('a', 'b'), ['c', 'd']))
  test('the third changes nothing, the fourth does', () => {
    assert.deepEqual(left('a', 'b', 'c'), ['c', 'd'])
    assert.deepEqual(left('a', 'b', 'c', 'c'), ['d'])
  })
  test('when all were tried, all are there again', () =>
    assert.deepEqual(left('a', 'b', 'c', 'd'), ['ab', 'c', 'd']))
})

interface TestHost {
  readonly address: string
  readonly weight: number
  readonly active: () => number
  readonly workload: () => Workload
}

function workloadIn(place: string, labels: Readonly<Record<string, string>> = {}): Workload {
  const [region = '', zone = '', subzone = ''] = place.split('/')
  return {
    ...workloadObject('w', { address: '127.0.0.1', services: {}, labels }),
    locality: { region, zone, subzone },
  }
}

function hostIn(place: string, labels: Readonly<Record<string, string>> = {}): TestHost {
  const workload = workloadIn(place, labels)
  return { address: place || 'nowhere', weight: 1, active: () => 0, workload: () => workload }
}

const PLAIN: LocalityBalancing = { enabled: true, distribute: [], failover: [], failoverPriority: [] }
const HOSTS = ['eu/a/1', 'eu/a/2', 'eu/b/1', 'us/a/1', 'as/a/1', ''].map((place) => hostIn(place))

function placesOf(tiers: Tiers<TestHost>): readonly (readonly string[])[] {
  return tiers.tiers.map(({ hosts }) => hosts.map((host) => host.address))
}

describe('the hosts of a client', () => {
  const own = workloadIn('eu/a/1')

  test('come by nearness: subzone, zone, region, elsewhere', () => {
    assert.deepEqual(placesOf(tiersOf(HOSTS, { policy: undefined, own, failsOver: true })), [
      ['eu/a/1'],
      ['eu/a/2'],
      ['eu/b/1'],
      ['us/a/1', 'as/a/1', 'nowhere'],
    ])
  })

  test('are all alike without outlier detection, without a place, or when the policy says so', () => {
    const all = [HOSTS.map((host) => host.address)]
    const { locality: _, ...nowhere } = own
    assert.deepEqual(placesOf(tiersOf(HOSTS, { policy: PLAIN, own, failsOver: false })), all)
    assert.deepEqual(placesOf(tiersOf(HOSTS, { policy: PLAIN, own: nowhere, failsOver: true })), all)
    assert.deepEqual(placesOf(tiersOf(HOSTS, { policy: PLAIN, own: undefined, failsOver: true })), all)
    const off = { ...PLAIN, enabled: false }
    assert.deepEqual(placesOf(tiersOf(HOSTS, { policy: off, own, failsOver: true })), all)
  })

  test('of the region that a failover rule names come before those of others', () => {
    const policy = { ...PLAIN, failover: [{ from: 'eu', to: 'us' }] }
    assert.deepEqual(placesOf(tiersOf(HOSTS, { policy, own, failsOver: true })).slice(3), [
      ['us/a/1'],
      ['as/a/1', 'nowhere'],
    ])
  })

  test('come by the labels of a failover priority, in order, also with a value of its own', () => {
    const hosts = [
      hostIn('eu/a/1', { rack: 'r1', version: 'v2' }),
      hostIn('eu/a/2', { rack: 'r2', version: 'v1' }),
      hostIn('us/a/1', { rack: 'r1', version: 'v1' }),
      hostIn('eu/b/1', { rack: 'r1', version: 'v1' }),
    ]
    const policy = { ...PLAIN, failoverPriority: ['topology.kubernetes.io/region', 'version=v1', 'rack'] }
    const client = { ...own, labels: { rack: 'r1' } }
    assert.deepEqual(placesOf(tiersOf(hosts, { policy, own: client, failsOver: true })), [
      ['eu/b/1'],
      ['eu/a/2'],
      ['eu/a/1'],
      ['us/a/1'],
    ])
  })

  test('have the shares of the first rule for the place of the client; places that it does not name have none', () => {
    const distribute = [
      { from: 'us/*', to: { 'us/*': 100 } },
      { from: 'eu/a/*', to: { 'eu/a/*': 70, 'us/*': 20, 'eu/b/*': 10 } },
      { from: '*', to: { '*': 100 } },
    ]
    const tiers = tiersOf(HOSTS, { policy: { ...PLAIN, distribute }, own, failsOver: false })
    assert.equal(tiers.kind, 'shares')
    assert.deepEqual(
      tiers.tiers.map(({ weight }) => weight),
      [70, 20, 10],
    )
    assert.deepEqual(placesOf(tiers), [['eu/a/1', 'eu/a/2'], ['us/a/1'], ['eu/b/1']])
  })
})

describe('a balancer of tiers', () => {
  function sharesOf(
    tiers: Tiers<TestHost>,
    options: {
      readonly sick?: readonly string[]
      readonly panicPercent?: number
      readonly hashed?: boolean
    } = {},
  ): Readonly<Record<string, number>> {
    const random = createSeededRandom(3)
    const balancer = createTieredBalancer({
      tiers,
      isHealthy: (host) => options.sick?.includes(host.address) !== true,
      panicPercent: options.panicPercent ?? 0,
      balance: (hosts) => createBalancer({ kind: 'random' }, hosts, random),
      random,
    })
    const counts: Record<string, number> = {}
    for (let i = 0; i < 10_000; i++) {
      const address =
        balancer.pick(options.hashed ? Math.imul(i, 0x85ebca6b) >>> 0 : undefined)?.address ?? 'none'
      counts[address] = (counts[address] ?? 0) + 1
    }
    return Object.fromEntries(
      Object.entries(counts).map(([address, count]) => [address, Math.round(count / 100)]),
    )
  }
  const near = [hostIn('n/1'), hostIn('n/2')]
  const far = [hostIn('f/1'), hostIn('f/2')]
  const twoPriorities: Tiers<TestHost> = {
    kind: 'priorities',
    tiers: [near, far].map((hosts) => ({ hosts, weight: 0 })),
  }

  function assertNear(
    actual: Readonly<Record<string, number>>,
    expected: Readonly<Record<string, number>>,
  ): void {
    assert.deepEqual(Object.keys(actual).toSorted(), Object.keys(expected).toSorted())
    for (const [address, share] of Object.entries(expected)) {
      assert.ok(Math.abs((actual[address] ?? 0) - share) <= 3, `${address}: ${actual[address]}, not ${share}`)
    }
  }

  test('uses the first tier while enough of it is healthy, and the next for what it cannot serve', () => {
    assertNear(sharesOf(twoPriorities), { 'n/1': 50, 'n/2': 50 })
    assertNear(sharesOf(twoPriorities, { sick: ['n/1'] }), { 'n/2': 70, 'f/1': 15, 'f/2': 15 })
    assertNear(sharesOf(twoPriorities, { sick: ['n/1', 'n/2'] }), { 'f/1': 50, 'f/2': 50 })
  })

  test('spreads what is hashed in the same way', () => {
    assertNear(sharesOf(twoPriorities, { sick: ['n/1'], hashed: true }), { 'n/2': 70, 'f/1': 15, 'f/2': 15 })
  })

  test('picks nobody when nobody is healthy, unless the panic threshold says to use all', () => {
    const sick = ['n/1', 'n/2', 'f/1', 'f/2']
    assert.deepEqual(sharesOf(twoPriorities, { sick }), { none: 100 })
    assertNear(sharesOf(twoPriorities, { sick, panicPercent: 50 }), { 'n/1': 50, 'n/2': 50 })
  })

  test('does not panic while other tiers are healthy enough', () => {
    const sick = ['n/1', 'n/2']
    assertNear(sharesOf(twoPriorities, { sick, panicPercent: 50 }), { 'f/1': 50, 'f/2': 50 })
  })

  test('gives shares, and less to a tier whose health does not allow for all of its own', () => {
    const shares: Tiers<TestHost> = {
      kind: 'shares',
      tiers: [
        { hosts: near, weight: 80 },
        { hosts: far, weight: 20 },
      ],
    }
    assertNear(sharesOf(shares), { 'n/1': 40, 'n/2': 40, 'f/1': 10, 'f/2': 10 })
    // 80 × 0.7 against 20.
    assertNear(sharesOf(shares, { sick: ['n/1'] }), { 'n/2': 74, 'f/1': 13, 'f/2': 13 })
    assertNear(sharesOf(shares, { sick: ['n/1', 'n/2'] }), { 'f/1': 50, 'f/2': 50 })
  })
})

test('a proxy uses the endpoints of its zone, and others while those are left out', async () => {
  const placeOf = (zone: string) => ({ locality: { region: 'eu', zone, subzone: '' } })
  let isBroken = false
  const bench = await createPolicyBench({
    traffic: {
      outlierDetection: {
        consecutive5xx: 1,
        consecutiveGatewayErrors: 0,
        consecutiveLocalFailures: 5,
        splitLocal: false,
        intervalMs: 10,
        baseEjectionMs: 100,
        maxEjectionPercent: 100,
        minHealthPercent: 0,
      },
    },
    servers: [
      respondWith(() => (isBroken ? 'HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n' : ok('near'))),
      respondWith(() => ok('far')),
    ],
    workloads: [placeOf('a'), placeOf('b')],
    ...placeOf('a'),
  })
  try {
    const bodies = async () => (await Promise.all(Array.from({ length: 8 }, () => bench.get()))).map(bodyOf)
    assert.deepEqual(new Set(await bodies()), new Set(['near']))
    isBroken = true
    assert.match(await bench.get(), /^HTTP\/1.1 500/)
    assert.deepEqual(new Set(await bodies()), new Set(['far']))
    isBroken = false
    await until(() => !bench.cluster().hosts().some(bench.cluster().isEjected), 'the endpoint is back')
    assert.deepEqual(new Set(await bodies()), new Set(['near']))
  } finally {
    bench.close()
  }
})

test('a proxy keeps to its zone as far as the zone has hosts for its clients, and learns of its fellows', async () => {
  const placeOf = (zone: string) => ({ locality: { region: 'eu', zone, subzone: '' } })
  const locality = { ...PLAIN, zoneAware: { minClusterSize: 2 } }
  const bench = await createPolicyBench({
    traffic: { locality },
    servers: [respondWith(() => ok('near')), respondWith(() => ok('far'))],
    workloads: [placeOf('a'), placeOf('b')],
    ...placeOf('a'),
  })
  try {
    const bodies = async () =>
      new Set((await Promise.all(Array.from({ length: 40 }, () => bench.get()))).map(bodyOf))
    // The only client there is: what it keeps is half, as the hosts are.
    assert.deepEqual(await bodies(), new Set(['near', 'far']))
    const edge = serviceObject('edge', { ports: [{ port: 80, name: 'http', protocol: 'http' }] })
    const services = { [edge.key]: { ports: { '80': 80 }, ready: true } }
    const own = { ...workloadObject('gw', { address: '127.0.0.9', services }), ...placeOf('a') }
    const fellow = { ...workloadObject('gw-2', { address: '127.0.0.10', services }), ...placeOf('b') }
    assert.deepEqual(bench.proxy.accept(changesOf([edge, own])), [])
    assert.deepEqual(await bodies(), new Set(['near', 'far']))
    assert.deepEqual(bench.proxy.accept(changesOf([fellow])), [])
    assert.deepEqual(await bodies(), new Set(['near']))
  } finally {
    bench.close()
  }
})
