import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { httpRoute, markedRule } from '../../support/echo/http-route.ts'
import { assertShare, type EchoMesh, untilServed, versionsOf } from '../../support/echo/mesh.ts'
import { type Call, ECHO_PORTS, type Reply } from '../../support/echo/protocol.ts'

/** HTTPRoutes whose parents are Services, in sidecars (GEP-1294). */
export function serviceRouteTests(mesh: () => EchoMesh): void {
  const ask = (authority: string, path = '/', more: Partial<Call> = {}): Promise<Reply> =>
    mesh().client.call({ url: `http://${authority}${path}`, ...more })
  const rule = (reply: Reply) => reply.headers['x-rule']
  const served = (reply: Reply) => reply.headers['x-served-by']

  async function withRoute(
    options: Parameters<typeof httpRoute>[0] & {
      readonly probe: () => Promise<Reply>
      readonly mark: string
    },
    body: () => Promise<void>,
  ): Promise<void> {
    const { name, namespace = 'shop', probe, mark } = options
    await mesh().apply(httpRoute(options))
    await untilServed(`route ${name}`, probe, (reply) => rule(reply) === mark)
    await body()
    await mesh().remove(`httproute ${name}`, namespace)
    await untilServed(`route ${name} to be gone`, probe, (reply) => rule(reply) !== mark)
  }

  const parentOf = (service: string) => `{ group: '', kind: Service, name: ${service} }`
  const marked = (mark: string, path: string, backend: string) =>
    markedRule(`[{ path: { value: ${path} } }]`, mark).replace('{ name: echo-v1, port: 80 }', backend)

  describe('routes of a Service', () => {
    test('follow the address that is dialled, not the Host, and not to pods', async () => {
      const options = {
        name: 'svc-frontend',
        parents: parentOf('echo-v2'),
        rules: [marked('frontend', '/', '{ name: echo-v2, port: 80 }')],
        probe: () => ask('echo-v2'),
        mark: 'frontend',
      }
      await withRoute(options, async () => {
        const misnamed = await ask('echo-v2', '/', { headers: { host: 'echo-v1' } })
        assert.deepEqual([rule(misnamed), served(misnamed)], ['frontend', 'v2'])
        const other = await ask('echo-v1', '/', { headers: { host: 'echo-v2' } })
        assert.deepEqual([rule(other), served(other)], [undefined, 'v1'])
        const pod = await mesh().cluster.kubectl(
          'get pods -n shop -l version=v2 -o jsonpath={.items[0].status.podIP}',
        )
        const direct = await ask(`${pod}:${ECHO_PORTS.http}`)
        assert.deepEqual([rule(direct), served(direct)], [undefined, 'v2'])
      })
    })

    test('hold on the port that they name, where what none takes is 404; other ports are as before', async () => {
      const options = {
        name: 'svc-port',
        parents: parentOf('echo').replace(' }', ', port: 80 }'),
        rules: [marked('port', '/port', '{ name: echo-v1, port: 80 }')],
        probe: () => ask('echo', '/port'),
        mark: 'port',
      }
      await withRoute(options, async () => {
        assert.equal((await ask('echo', '/else')).status, 404)
        const free = await ask('echo:8080', '/port')
        assert.deepEqual([free.status, rule(free)], [200, undefined])
      })
    })

    test('of the clients’ namespace replace those of the Service’s, also for what they do not match', async () => {
      const backend = '{ name: guest, namespace: guests, port: 80 }'
      const producer = {
        name: 'svc-producer',
        namespace: 'guests',
        parents: parentOf('guest'),
        rules: [marked('producer', '/', backend)],
        probe: () => ask('guest.guests'),
        mark: 'producer',
      }
      const consumer = {
        name: 'svc-consumer',
        parents: parentOf('guest').replace(' }', ', namespace: guests }'),
        rules: [marked('consumer', '/mine', backend)],
        probe: () => ask('guest.guests', '/mine'),
        mark: 'consumer',
      }
      await withRoute(producer, async () => {
        await withRoute(consumer, async () => {
          assert.equal((await ask('guest.guests', '/')).status, 404)
        })
        assert.equal(rule(await ask('guest.guests', '/mine')), 'producer')
      })
    })

    test('weigh each request, whatever the connections', async () => {
      const backends = '{ name: echo-v1, port: 80, weight: 7 }, { name: echo-v2, port: 80, weight: 3 }'
      const options = {
        name: 'svc-weights',
        parents: parentOf('echo'),
        rules: [marked('weights', '/', backends)],
        probe: () => ask('echo'),
        mark: 'weights',
      }
      await withRoute(options, async () => {
        const calls = Array.from({ length: 300 }, () => ({ url: 'http://echo/' }))
        const counts = versionsOf(await mesh().client.calls(calls))
        assertShare(counts['v1'] ?? 0, 300, 0.7)
        assert.equal((counts['v1'] ?? 0) + (counts['v2'] ?? 0), 300)
      })
    })
  })
}
