import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { httpRoute, markedRule } from '../../support/echo/http-route.ts'
import { askAt, assertShare, type EchoMesh, untilServed, versionsOf } from '../../support/echo/mesh.ts'
import { conditionsOf, type GatewayView, summary, untilConditions } from '../../support/echo/status.ts'
import type { Reply } from '../../support/echo/protocol.ts'
import { waitFor } from '../../support/wait.ts'

const EVERY_PATH = '[{ path: { value: / } }]'
const CROSS = { namespace: 'shop', name: 'edge' }

/** Where HTTPRoutes attach, what they may refer to, and what their status says of both. */
export function httpRouteParentTests(mesh: () => EchoMesh): void {
  const guestRule = '{ backendRefs: [{ name: guest, port: 80 }] }'

  describe('HTTPRoute parents', () => {
    test('a listener takes routes from all namespaces, from its own or from labelled ones', async () => {
      const parents = ['open', 'same', 'labelled']
        .map((section) => `{ namespace: ${CROSS.namespace}, name: ${CROSS.name}, sectionName: ${section} }`)
        .join(', ')
      await mesh().apply(
        [
          httpRoute({
            name: 'visitor',
            namespace: 'guests',
            host: 'allowed.test',
            parents,
            rules: [guestRule],
          }),
          httpRoute({
            name: 'resident',
            host: 'resident.test',
            parents,
            rules: [markedRule(EVERY_PATH, 'resident')],
          }),
        ].join('---'),
      )
      const status = async (host: string, port: number) =>
        (await askAt(mesh().edge, '/', { host, port })).status
      await untilServed('the visitor', () => askAt(mesh().edge, '/', { host: 'allowed.test' }))
      await untilServed('the resident', () => askAt(mesh().edge, '/', { host: 'resident.test' }))
      assert.equal(await status('allowed.test', 8081), 404)
      assert.equal(await status('allowed.test', 8082), 200)
      assert.equal(await status('resident.test', 8081), 200)
      assert.equal(await status('resident.test', 8082), 404)
      assert.deepEqual(await conditionsOf(mesh(), 'visitor', 'guests'), {
        open: 'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs',
        same: 'Accepted=False/NotAllowedByListeners ResolvedRefs=True/ResolvedRefs',
        labelled: 'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs',
      })
      assert.deepEqual(await conditionsOf(mesh(), 'resident'), {
        open: 'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs',
        same: 'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs',
        labelled: 'Accepted=False/NotAllowedByListeners ResolvedRefs=True/ResolvedRefs',
      })
    })

    test('a namespace that gets the label gets in, and out when it loses it', async () => {
      const parents = '{ name: edge, sectionName: labelled }'
      await mesh().apply(
        httpRoute({ name: 'late', host: 'late.test', parents, rules: [markedRule(EVERY_PATH, 'late')] }),
      )
      const ask = () => askAt(mesh().edge, '/', { host: 'late.test', port: 8082 })
      await mesh().cluster.kubectl('label namespace shop team=guests')
      await untilServed('the route', ask)
      await mesh().cluster.kubectl('label namespace shop team-')
      await untilServed('the route to be gone', ask, (reply) => reply.status === 404)
      await mesh().remove('httproute late')
    })

    test('a parent can be meant by port; one that is not there is NoMatchingParent', async () => {
      const rules = [markedRule(EVERY_PATH, 'port')]
      await mesh().apply(
        [
          httpRoute({ name: 'by-port', host: 'by-port.test', parents: '{ name: edge, port: 8081 }', rules }),
          httpRoute({ name: 'nowhere', parents: '{ name: edge, sectionName: nowhere }', rules }),
        ].join('---'),
      )
      const ask = (port: number) => askAt(mesh().edge, '/', { host: 'by-port.test', port })
      await untilServed('the route', () => ask(8081))
      assert.equal((await ask(80)).status, 404)
      assert.deepEqual(await conditionsOf(mesh(), 'by-port'), {
        8081: 'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs',
      })
      assert.deepEqual(await conditionsOf(mesh(), 'nowhere'), {
        nowhere: 'Accepted=False/NoMatchingParent ResolvedRefs=True/ResolvedRefs',
      })
    })

    test('host names are those of the route and the listener, the most specific listener first', async () => {
      const route = (name: string, section: string, hosts: string) =>
        httpRoute({
          name,
          host: hosts,
          parents: `{ name: edge, sectionName: ${section} }`,
          rules: [markedRule(EVERY_PATH, name)],
        })
      await mesh().apply(
        [
          route('on-wild', 'wild', "'*.example.com', other.org"),
          route('on-exact', 'exact', "'*.com'"),
          route('on-neither', 'wild', 'example.com, other.org'),
          route('narrow', 'wild', 'narrow.example.com'),
        ].join('---'),
      )
      const taken = async (host: string) => {
        const { status, headers } = await askAt(mesh().edge, '/', { host, port: 8083 })
        return headers['x-rule'] ?? status
      }
      for (const [host, mark] of [
        ['a.example.com', 'on-wild'],
        ['www.example.com', 'on-exact'],
        ['narrow.example.com', 'narrow'],
      ] as const) {
        await waitFor(mark, async () => (await taken(host)) === mark)
      }
      assert.equal(await taken('a.example.com'), 'on-wild')
      assert.equal(await taken('a.b.example.com'), 'on-wild')
      assert.equal(await taken('www.example.com'), 'on-exact')
      assert.equal(await taken('narrow.example.com'), 'narrow')
      assert.equal(await taken('example.com'), 404)
      assert.equal(await taken('other.org'), 404)
      assert.deepEqual(await conditionsOf(mesh(), 'on-neither'), {
        wild: 'Accepted=False/NoMatchingListenerHostname ResolvedRefs=True/ResolvedRefs',
      })
    })

    test('the Gateway counts the routes of each listener and names the kinds it takes', async () => {
      await waitFor('the counts', async () => {
        const { status } = (await mesh().get('gateways.gateway.networking.k8s.io/edge')) as GatewayView
        const counts = Object.fromEntries(status.listeners.map((one) => [one.name, one.attachedRoutes]))
        const { open = 0, ...others } = counts
        assert.deepEqual(others, { same: 2, labelled: 1, wild: 2, exact: 1, 'wrong-kind': 0 })
        return open > 0
      })
      const gateway = (await mesh().get('gateways.gateway.networking.k8s.io/edge')) as GatewayView
      const { listeners, conditions } = gateway.status
      const { generation } = gateway.metadata
      for (const one of [...conditions, ...listeners.flatMap((listener) => listener.conditions)]) {
        assert.equal(one.observedGeneration, generation)
      }
      const wrong = listeners.find((one) => one.name === 'wrong-kind')
      assert.equal(wrong?.attachedRoutes, 0)
      assert.deepEqual(wrong?.supportedKinds, [])
      assert.match(summary(wrong?.conditions ?? []), /ResolvedRefs=False\/InvalidRouteKinds/)
      const open = listeners.find((one) => one.name === 'open')
      assert.ok(open?.supportedKinds.some((kind) => kind.kind === 'HTTPRoute'))
      assert.match(summary(open?.conditions ?? []), /Accepted=True.*Programmed=True.*ResolvedRefs=True/)
    })
  })

  describe('Gateways', () => {
    const name = 'second'
    const gatewayAddress = () =>
      mesh().cluster.kubectl(
        `get gateways.gateway.networking.k8s.io ${name} -n shop -o jsonpath={.status.addresses[0].value}`,
      )

    test('a listener that is added is served at once, and not when it is gone', async () => {
      await mesh().apply(gateway(name, '{ name: one, port: 80, protocol: HTTP }'))
      const rules = [markedRule(EVERY_PATH, 'added')]
      await mesh().apply(httpRoute({ name: 'added', host: 'added.test', parents: '{ name: second }', rules }))
      await mesh().cluster.kubectl(
        `wait gateways.gateway.networking.k8s.io/${name} --for=condition=Programmed -n shop --timeout=30s`,
      )
      const address = await gatewayAddress()
      const ask = (port: number) => askAt(address, '/', { host: 'added.test', port, fresh: true })
      await untilServed('the route', () => ask(80))
      const both = '{ name: one, port: 80, protocol: HTTP }, { name: two, port: 8090, protocol: HTTP }'
      await mesh().apply(gateway(name, both))
      await untilServed('the route on both', () => ask(8090))
      assert.equal(await gatewayAddress(), address)
      await mesh().apply(gateway(name, '{ name: two, port: 8090, protocol: HTTP }'))
      await assertRefused(() => ask(80))
      assert.equal((await ask(8090)).status, 200)
    })

    test('what a Gateway was deployed with goes with it', async () => {
      await mesh().remove(`gateways.gateway.networking.k8s.io ${name}`)
      await waitFor('its objects to go', async () => {
        const left = await mesh().cluster.kubectl(
          'get deployments,services,serviceaccounts,pods -n shop -l gateway.networking.k8s.io/gateway-name=second -o name',
        )
        assert.equal(left, '')
        return true
      })
      await waitFor('the route to say so', async () => {
        const route = await mesh().get('httproute/added')
        return ((route.status as { parents?: unknown[] } | undefined)?.parents ?? []).length === 0
      })
    })
  })

  describe('HTTPRoute backends', () => {
    test('one of another namespace needs a ReferenceGrant, and stops when it goes', async () => {
      const rule = '{ backendRefs: [{ name: guest, namespace: guests, port: 80 }] }'
      const host = 'grant.test'
      await mesh().apply(httpRoute({ name: 'grant', host, rules: [rule] }))
      const ask = () => askAt(mesh().edge, '/', { host })
      const isServed = (reply: Reply) => reply.echo?.version === 'guest'
      const isRefused = (reply: Reply) => reply.status === 500
      await untilServed('the refusal', ask, isRefused)
      await untilConditions(
        mesh(),
        'grant',
        'open',
        'Accepted=True/Accepted ResolvedRefs=False/RefNotPermitted',
      )
      await mesh().apply(GRANT)
      await untilServed('the backend', ask, isServed)
      await untilConditions(mesh(), 'grant', 'open', 'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs')
      await mesh().remove('referencegrant shop', 'guests')
      await untilServed('the refusal again', ask, isRefused)
      await untilConditions(
        mesh(),
        'grant',
        'open',
        'Accepted=True/Accepted ResolvedRefs=False/RefNotPermitted',
      )
    })

    test('one that is not there fails its share of requests until it comes', async () => {
      const rule = '{ backendRefs: [{ name: echo-v1, port: 80 }, { name: missing, port: 80 }] }'
      const host = 'missing.test'
      await mesh().apply(httpRoute({ name: 'missing', host, rules: [rule] }))
      await untilServed('the route', () => askAt(mesh().edge, '/', { host }))
      const replies: Reply[] = []
      while (replies.length < 200) replies.push(await askAt(mesh().edge, '/', { host }))
      const { v1 = 0, 500: failed = 0 } = versionsOf(replies)
      assert.equal(v1 + failed, 200)
      assertShare(failed, 200, 0.5)
      await untilConditions(
        mesh(),
        'missing',
        'open',
        'Accepted=True/Accepted ResolvedRefs=False/BackendNotFound',
      )
      await mesh().apply(
        'apiVersion: v1\nkind: Service\nmetadata: { name: missing, namespace: shop }\nspec: { selector: { app: echo, version: v2 }, ports: [{ port: 80, targetPort: 8080 }] }',
      )
      const ask = () => askAt(mesh().edge, '/', { host })
      await untilServed('the backend', ask, (reply) => reply.headers['x-served-by'] === 'v2')
      await untilConditions(
        mesh(),
        'missing',
        'open',
        'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs',
      )
    })

    for (const { title, name, ref, reason } of BAD_REFS) {
      test(title, async () => {
        const host = `${name}.test`
        await mesh().apply(httpRoute({ name, host, rules: [`{ backendRefs: [${ref}] }`] }))
        await untilServed(
          'the refusal',
          () => askAt(mesh().edge, '/', { host }),
          (reply) => reply.status === 500,
        )
        await untilConditions(mesh(), name, 'open', `Accepted=True/Accepted ResolvedRefs=False/${reason}`)
      })
    }

    test('a rule without backends is 500; a Service without endpoints 503', async () => {
      const host = 'none.test'
      const rules = [
        '{ matches: [{ path: { value: /none } }] }',
        '{ matches: [{ path: { value: /nobody } }], backendRefs: [{ name: nobody, port: 80 }] }',
      ]
      await mesh().apply(httpRoute({ name: 'none', host, rules }))
      await untilServed('the route', () => askAt(mesh().edge, '/none', { host }))
      assert.equal((await askAt(mesh().edge, '/none', { host })).status, 500)
      const unhealthy = await askAt(mesh().edge, '/nobody', { host })
      assert.equal(unhealthy.status, 503)
      assert.equal(unhealthy.body, 'no healthy upstream')
    })
  })
}

function gateway(name: string, listeners: string): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: ${name}, namespace: shop }
spec: { gatewayClassName: istio, listeners: [${listeners}] }
`
}

/** Until nobody listens there any more. */
async function assertRefused(ask: () => Promise<Reply>): Promise<void> {
  await waitFor(
    'the connection to be refused',
    async () => {
      try {
        await ask()
        return false
      } catch (error) {
        return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'
      }
    },
    { deadlineMs: 10_000 },
  )
}

const GRANT = `
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: { name: shop, namespace: guests }
spec:
  from: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop }]
  to: [{ group: '', kind: Service, name: guest }]
`

const BAD_REFS = [
  {
    title: 'a backend of a kind that nobody serves is InvalidKind',
    name: 'kind',
    ref: '{ group: example.com, kind: Bucket, name: echo-v1, port: 80 }',
    reason: 'InvalidKind',
  },
  {
    title: 'a port that the Service does not have is BackendNotFound',
    name: 'port',
    ref: '{ name: echo-v1, port: 81 }',
    reason: 'BackendNotFound',
  },
] as const
