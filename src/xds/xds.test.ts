import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import fc from 'fast-check'
import { systemClock } from '../base/index.ts'
import { canonicalJson, type Credential, credentialName, type ModelObject } from '../model/index.ts'
import type { Authenticate, PeerIdentity } from './server/index.ts'
import type { ProxyNode } from './types/index.ts'
import { gatewayRoutes } from './types/index.ts'
import {
  eventually,
  GATEWAY,
  startClient,
  startCuttableHop,
  startServer,
  type TestClient,
  testListener,
  testNode,
  testRoute,
  testService,
  testSources,
  type TestSources,
  testWorkload,
} from './testing.ts'

const ROUTER_SUBSCRIPTIONS = [
  ['workload', '*'],
  ['service', '*'],
  ['listener', 'proxy/*'],
  ['route', gatewayRoutes(GATEWAY)],
] as const

function subscribeRouter({ client }: TestClient): void {
  for (const [type, name] of ROUTER_SUBSCRIPTIONS) client.subscribe(type, [name])
}

const isSynced = ({ client }: TestClient) =>
  ROUTER_SUBSCRIPTIONS.every(([type, name]) => client.synced(type, name))

describe('delta xDS over loopback', () => {
  const stops: (() => void)[] = []
  after(() => {
    for (const stop of stops.toReversed()) stop()
  })

  const setUp = async (
    fill: (sources: TestSources) => void,
    options: Parameters<typeof startServer>[1] = {},
  ) => {
    const { graph, sources } = testSources()
    graph.transact(() => fill(sources))
    const server = await startServer(sources, options)
    stops.push(server.stop)
    const start = (node: ProxyNode, clientOptions: Parameters<typeof startClient>[2] = {}) => {
      const made = startClient(server.port, node, clientOptions)
      stops.push(made.client.stop)
      return made
    }
    return { graph, sources, server, start }
  }

  test('a subscriber gets what it may see, in the order in which it can be used', async () => {
    const { start } = await setUp((sources) => {
      sources.route.set(testRoute('r').key, testRoute('r'))
      sources.service.set(testService('s').key, testService('s'))
      sources.service.set(testService('hidden', ['other']).key, testService('hidden', ['other']))
      sources.workload.set(testWorkload('w').key, testWorkload('w'))
      sources.listener.set(
        testListener('http', { gateway: 'web' }).key,
        testListener('http', { gateway: 'web' }),
      )
      sources.listener.set(
        testListener('foreign', { gateway: 'other' }).key,
        testListener('foreign', { gateway: 'other' }),
      )
    })
    const router = start(testNode('gw', { role: 'router', labels: { gateway: 'web' } }))
    subscribeRouter(router)
    await eventually(() => isSynced(router))
    const types = router.responses.flatMap((changes) => changes.map((change) => change.type))
    assert.deepEqual(types, ['workload', 'service', 'route', 'listener'])
    assert.deepEqual(router.state.get(`service ${testService('s').key}`), testService('s'))
  })

  test('one changed route is one resource on the wire, among a thousand', async () => {
    const { sources, server, start } = await setUp((sources) => {
      for (let i = 0; i < 1000; i++) sources.route.set(testRoute(`r${i}`).key, testRoute(`r${i}`))
    })
    const router = start(testNode('gw', { role: 'router' }))
    subscribeRouter(router)
    await eventually(() => isSynced(router))
    const before = server.pushes.length
    const changed = testRoute('r500', { path: '/new' })
    sources.route.set(changed.key, changed)
    await eventually(() => canonicalJson(router.state.get(`route ${changed.key}`)) === canonicalJson(changed))
    assert.equal(server.pushes.length, before + 1)
    assert.equal(server.pushes.at(-1)?.resources, 1)
    assert.equal(router.responses.at(-1)?.length, 1)
  })

  test('a rejected resource is named to the server, the others of its response are applied', async () => {
    const bad = testRoute('bad')
    const { server, start, sources } = await setUp((sources) => {
      for (const route of [testRoute('a'), bad, testRoute('c')]) sources.route.set(route.key, route)
    })
    const reject = (change: { key: string; version?: string }) =>
      change.key === bad.key ? 'no such filter' : undefined
    const router = start(testNode('gw', { role: 'router' }), { reject })
    router.client.subscribe('route', [gatewayRoutes(GATEWAY)])
    const rejections = () => server.server.proxies()[0]?.types.route?.rejections ?? []
    await eventually(() => rejections().length === 1)
    assert.equal(rejections()[0]?.key, bad.key)
    assert.equal(rejections()[0]?.reason, 'no such filter')
    assert.deepEqual([...router.state.keys()].sort(), [
      `route ${testRoute('a').key}`,
      `route ${testRoute('c').key}`,
    ])
    sources.route.delete(bad.key)
    await eventually(() => rejections().length === 0)
  })

  test('nothing unchanged is sent again after a reconnect, and what went meanwhile is removed', async () => {
    const { sources, server, graph } = await setUp((sources) => {
      for (let i = 0; i < 20; i++) sources.route.set(testRoute(`r${i}`).key, testRoute(`r${i}`))
    })
    const hop = await startCuttableHop(server.port)
    stops.push(hop.stop)
    const router = startClient(hop.port, testNode('gw', { role: 'router' }))
    stops.push(router.client.stop)
    subscribeRouter(router)
    await eventually(() => isSynced(router))
    const before = router.responses.length
    hop.setRefuse(true)
    await eventually(() => !router.client.connected())
    graph.transact(() => {
      sources.route.delete(testRoute('r0').key)
      sources.route.set(testRoute('r1').key, testRoute('r1', { path: '/other' }))
    })
    hop.setRefuse(false)
    await eventually(() => router.responses.length > before)
    const changes = router.responses.slice(before).flat()
    assert.deepEqual(
      changes.map((change) => [change.kind, change.key]),
      [
        ['set', testRoute('r1').key],
        ['remove', testRoute('r0').key],
      ],
    )
  })

  test('a connection that nobody answers is given up for another, by all who share it', async () => {
    const { server } = await setUp((sources) => sources.service.set('a', testService('a')))
    const hop = await startCuttableHop(server.port)
    stops.push(hop.stop)
    hop.swallow(1)
    // Time runs fifty times as fast for the wait for a connection.
    const clock = {
      ...systemClock,
      after: (ms: number, callback: () => void) => systemClock.after(ms / 50, callback),
    }
    const clients = ['a', 'b'].map((name) => startClient(hop.port, testNode(name), { clock }))
    for (const { client } of clients) {
      stops.push(client.stop)
      client.subscribe('service', ['*'])
    }
    await eventually(() => clients.every(({ client }) => client.synced('service', '*')))
  })

  test('a route to a new service arrives after the service, a service goes after the last route to it', async () => {
    const { graph, sources, start } = await setUp((sources) => {
      sources.service.set(testService('old').key, testService('old'))
      sources.route.set(testRoute('r').key, testRoute('r', { path: '/old' }))
    })
    const router = start(testNode('gw', { role: 'router' }))
    subscribeRouter(router)
    await eventually(() => isSynced(router))
    const before = router.responses.length
    graph.transact(() => {
      sources.service.delete(testService('old').key)
      sources.service.set(testService('new').key, testService('new'))
      sources.route.set(testRoute('r').key, testRoute('r', { path: '/new' }))
    })
    await eventually(() => !router.state.has(`service ${testService('old').key}`))
    const seen = router.responses.slice(before).flat()
    assert.deepEqual(
      seen.map((change) => `${change.kind} ${change.key}`),
      [`set ${testService('new').key}`, `set ${testRoute('r').key}`, `remove ${testService('old').key}`],
    )
  })

  test('a state larger than one response arrives in pieces, and counts as synced with the last', async () => {
    const { start, server } = await setUp(
      (sources) => {
        for (let i = 0; i < 100; i++) sources.route.set(testRoute(`r${i}`).key, testRoute(`r${i}`))
      },
      { responseBytesMax: 2000 },
    )
    const router = start(testNode('gw', { role: 'router' }))
    let atSync = 0
    router.client.onSynced(() => (atSync = router.state.size))
    router.client.subscribe('route', [gatewayRoutes(GATEWAY)])
    await eventually(() => router.client.synced('route', gatewayRoutes(GATEWAY)))
    assert.equal(atSync, 100)
    assert.ok(server.pushes.length > 5)
    for (const push of server.pushes) assert.ok(push.bytes < 3000)
  })

  test('unsubscribing removes what no other subscription holds', async () => {
    const { start } = await setUp((sources) => {
      for (const name of ['a', 'b']) sources.route.set(testRoute(name).key, testRoute(name))
    })
    const router = start(testNode('gw', { role: 'router' }))
    router.client.subscribe('route', [gatewayRoutes(GATEWAY), testRoute('a').key])
    await eventually(() => router.state.size === 2)
    router.client.unsubscribe('route', [gatewayRoutes(GATEWAY)])
    await eventually(() => router.state.size === 1)
    assert.ok(router.state.has(`route ${testRoute('a').key}`))
  })

  test('a subscription without any resource is answered, so that the proxy can become ready', async () => {
    const { start } = await setUp(() => {})
    const sidecar = start(testNode('pod'))
    sidecar.client.subscribe('route', ['mesh/*'])
    await eventually(() => sidecar.client.synced('route', 'mesh/*'))
    sidecar.client.subscribe('service', ['demo/nowhere.demo.svc.cluster.local'])
    await eventually(() => sidecar.client.synced('service', 'demo/nowhere.demo.svc.cluster.local'))
  })

  test('a caller without a token, or whose node is not its own identity, is refused', async () => {
    const { server, start } = await setUp(() => {}, {
      authenticate: async ({ token }) =>
        token === 'good'
          ? { kind: 'ok', identity: { namespace: 'demo', serviceAccount: 'default' } }
          : { kind: 'refused', reason: 'no valid token' },
    })
    const good = start(testNode('good'), { token: 'good' })
    const strangers = [
      start(testNode('none')),
      start(testNode('bad'), { token: 'bad' }),
      start(testNode('liar', { namespace: 'kube-system' }), { token: 'good' }),
    ]
    for (const { client } of [good, ...strangers]) client.subscribe('service', ['*'])
    await eventually(() => good.client.synced('service', '*'))
    for (const { client } of strangers) assert.equal(client.synced('service', '*'), false)
    assert.deepEqual(
      server.server.proxies().map((proxy) => proxy.node.podName),
      ['good'],
    )
  })

  test('a credential goes to callers that have proven to be a holder, and to nobody else', async () => {
    const identities: Readonly<Record<string, PeerIdentity>> = {
      holder: { namespace: 'demo', serviceAccount: 'gateway' },
      neighbour: { namespace: 'demo', serviceAccount: 'default' },
      stranger: { namespace: 'other', serviceAccount: 'gateway' },
    }
    const authenticate: Authenticate = async ({ token = '' }) => {
      const identity = identities[token]
      return identity ? { kind: 'ok', identity } : { kind: 'refused', reason: 'unknown' }
    }
    const { sources, start } = await setUp(() => {}, { authenticate })
    const key = credentialName('Secret', 'demo', 'shop')
    const credential: Credential = {
      type: 'credential',
      key,
      holders: [{ namespace: 'demo', serviceAccounts: ['gateway'] }],
      certificate: { chain: 'chain', privateKey: 'key' },
      origin: { kind: 'Secret', namespace: 'demo', name: 'shop' },
    }
    sources.credential.set(key, credential)
    const clients = Object.entries(identities).map(([token, identity]) =>
      start(testNode(token, identity), { token }),
    )
    const names = ['proxy/*', '*', key]
    for (const { client } of clients) client.subscribe('credential', names)
    await eventually(() =>
      clients.every(({ client }) => names.every((name) => client.synced('credential', name))),
    )
    assert.deepEqual(
      clients.map(({ state }) => state.has(`credential ${key}`)),
      [true, false, false],
    )
    sources.credential.set(key, {
      ...credential,
      holders: [{ namespace: 'other', serviceAccounts: ['gateway'] }],
    })
    await eventually(() => clients[2]?.state.has(`credential ${key}`) === true)
    await eventually(() => clients[0]?.state.has(`credential ${key}`) === false)
  })

  test('who is not asked for proof gets no credential', async () => {
    const { sources, start } = await setUp(() => {})
    const key = credentialName('Secret', 'demo', 'shop')
    sources.credential.set(key, {
      type: 'credential',
      key,
      holders: [{ namespace: 'demo', serviceAccounts: ['default'] }],
      trust: 'bundle',
      origin: { kind: 'Secret', namespace: 'demo', name: 'shop' },
    })
    const { client, state } = start(testNode('p'))
    client.subscribe('credential', ['proxy/*'])
    await eventually(() => client.synced('credential', 'proxy/*'))
    assert.equal(state.size, 0)
  })
})

type Step =
  | { readonly kind: 'set'; readonly object: ModelObject }
  | { readonly kind: 'delete'; readonly object: ModelObject }
  | { readonly kind: 'cut' }
  | { readonly kind: 'pause' }

const objects: fc.Arbitrary<ModelObject> = fc.oneof(
  fc.tuple(fc.nat(5), fc.nat(3)).map(([name, path]) => testRoute(`r${name}`, { path: `/${path}` })),
  fc
    .tuple(fc.nat(3), fc.subarray(['demo', 'shop']))
    .map(([name, namespaces]) => testRoute(`m${name}`, { clientNamespaces: namespaces })),
  fc.tuple(fc.nat(3), fc.subarray(['demo', 'shop'])).map(([name, clientNamespaces]): ModelObject => {
    const route = testRoute(`g${name}`)
    return { ...route, scope: { ...route.scope, clientNamespaces } }
  }),
  fc.tuple(fc.nat(3), fc.nat(1)).map(([name, all]) => testService(`s${name}`, all ? undefined : ['shop'])),
  fc.tuple(fc.nat(3), fc.nat(200)).map(([name, last]) => testWorkload(`w${name}`, `10.42.0.${last}`)),
)

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: objects.map((object): Step => ({ kind: 'set', object })) },
  { weight: 3, arbitrary: objects.map((object): Step => ({ kind: 'delete', object })) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'cut' }) },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: 'pause' }) },
)

/** What a client has to end with, told without the server's code. */
function expected(sources: TestSources, namespace: string): ReadonlyMap<string, unknown> {
  const routes = sources.route
    .list()
    .filter(({ scope }) => scope.clientNamespaces?.includes(namespace) ?? scope.kind === 'gateway')
  const services = sources.service
    .list()
    .filter(({ visibility }) => visibility.kind === 'all' || visibility.namespaces.includes(namespace))
  const seen = [...sources.workload.list(), ...services, ...routes]
  return new Map(seen.map((object) => [`${object.type} ${object.key}`, object]))
}

const textOf = (state: ReadonlyMap<string, unknown>) =>
  canonicalJson(Object.fromEntries([...state].sort(([a], [b]) => (a < b ? -1 : 1))))

test('after any changes, drops and reconnects each client has exactly what it may see', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 1, maxLength: 40 }), async (sequence) => {
      const { sources } = testSources()
      const server = await startServer(sources, { responseBytesMax: 1500 })
      const hop = await startCuttableHop(server.port)
      const clients = ['demo', 'shop'].map((namespace) => ({
        namespace,
        ...startClient(hop.port, testNode('p', { namespace })),
      }))
      try {
        for (const { client } of clients) {
          client.subscribe('workload', ['*'])
          client.subscribe('service', ['*'])
          client.subscribe('route', ['mesh/*', gatewayRoutes(GATEWAY)])
        }
        for (const step of sequence) {
          if (step.kind === 'cut') hop.cut()
          else if (step.kind === 'pause') await new Promise((resolve) => setTimeout(resolve, 2))
          else if (step.kind === 'delete') sources[step.object.type].delete(step.object.key)
          else
            (sources[step.object.type].set as (key: string, value: ModelObject) => void)(
              step.object.key,
              step.object,
            )
        }
        for (const { namespace, state } of clients) {
          const want = () => textOf(expected(sources, namespace))
          await eventually(
            () => textOf(state) === want(),
            () => `${namespace}: ${textOf(state)}\nwanted ${want()}`,
          )
        }
      } finally {
        for (const { client } of clients) client.stop()
        hop.stop()
        server.stop()
      }
    }),
    { numRuns: 25, seed: 7 },
  )
})
