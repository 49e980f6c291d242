import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { httpRoute, markedRule } from '../../support/echo/http-route.ts'
import { askAt, type EchoMesh, untilServed } from '../../support/echo/mesh.ts'
import { conditionsOf, type GatewayView, parentsOf, untilConditions } from '../../support/echo/status.ts'
import { waitFor } from '../../support/wait.ts'

const EVERY_PATH = '[{ path: { value: / } }]'
const GOOD = 'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs'

/** What the status of an HTTPRoute says when, and when it is left alone. */
export function httpRouteStatusTests(mesh: () => EchoMesh): void {
  describe('HTTPRoute status', () => {
    test('follows every change of the spec with its generation', async () => {
      const host = 'generations.test'
      const apply = (mark: string) =>
        mesh().apply(httpRoute({ name: 'generations', host, rules: [markedRule(EVERY_PATH, mark)] }))
      for (const [index, mark] of ['first', 'second', 'third'].entries()) {
        await apply(mark)
        await untilServed(
          mark,
          () => askAt(mesh().edge, '/', { host }),
          (reply) => reply.headers['x-rule'] === mark,
        )
        await waitFor(`the status of ${mark}`, async () => {
          const route = await mesh().get('httproute/generations')
          assert.equal(route.metadata.generation, index + 1)
          return parentsOf(route).every((parent) =>
            parent.conditions.every((one) => one.observedGeneration === index + 1),
          )
        })
      }
    })

    test('is not written when nothing has changed', async () => {
      const rules = [markedRule(EVERY_PATH, 'quiet')]
      const yaml = httpRoute({ name: 'quiet', host: 'quiet.test', rules })
      await mesh().apply(yaml)
      await untilConditions(mesh(), 'quiet', 'open', 'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs')
      const before = await mesh().get('httproute/quiet')
      const gatewayBefore = await mesh().get('gateways.gateway.networking.k8s.io/edge')
      await mesh().apply(yaml)
      // Another route that is through with its status tells that the controller has seen all that came before.
      await mesh().apply(httpRoute({ name: 'generations', host: 'generations.test', rules }))
      await waitFor('the other route’s status', async () => {
        const other = await mesh().get('httproute/generations')
        return parentsOf(other).every((parent) =>
          parent.conditions.every((one) => one.observedGeneration === other.metadata.generation),
        )
      })
      assert.deepEqual(await mesh().get('httproute/quiet'), before)
      assert.deepEqual(await mesh().get('gateways.gateway.networking.k8s.io/edge'), gatewayBefore)
    })

    test('is not written again by a control plane that starts anew', async () => {
      const kinds =
        'httproutes.gateway.networking.k8s.io,gateways.gateway.networking.k8s.io,gatewayclasses.gateway.networking.k8s.io'
      const versions = () =>
        mesh().cluster.kubectl(
          `get ${kinds} -A --no-headers -o custom-columns=KIND:.kind,NAME:.metadata.name,VERSION:.metadata.resourceVersion`,
        )
      const before = await versions()
      const istiod = () =>
        mesh().cluster.kubectl(
          'get pods -n istio-system -l app=istiod --field-selector=status.phase=Running -o name',
        )
      const old = (await istiod()).trim()
      await mesh().cluster.kubectl(`delete ${old} -n istio-system`)
      await waitFor('a new control plane', async () => {
        const now = (await istiod()).trim()
        return now !== '' && !now.includes(old)
      })
      await mesh().apply(
        httpRoute({
          name: 'after-restart',
          host: 'after-restart.test',
          rules: [markedRule(EVERY_PATH, 'after')],
        }),
      )
      await untilConditions(mesh(), 'after-restart', 'open', GOOD)
      await untilServed('the route', () => askAt(mesh().edge, '/', { host: 'after-restart.test' }))
      await mesh().remove('httproute after-restart')
      // The count of routes on the listener went up and down with that route, so the Gateway's version may have moved.
      const withoutEdge = (text: string) => text.replaceAll(/^Gateway\s+edge.*$/gm, '')
      assert.equal(withoutEdge(await versions()), withoutEdge(before))
    })

    test('rules that are wrong are named; those beside them are served', async () => {
      const wrong = '[{ path: { type: RegularExpression, value: "/(unclosed" } }]'
      const host = 'wrong.test'
      const rules = [markedRule(wrong, 'wrong'), markedRule('[{ path: { value: /right } }]', 'right')]
      await mesh().apply(httpRoute({ name: 'wrong', host, rules }))
      await untilServed('the good rule', () => askAt(mesh().edge, '/right', { host }))
      assert.deepEqual(await conditionsOf(mesh(), 'wrong'), {
        open: 'Accepted=True/Accepted PartiallyInvalid=True/UnsupportedValue ResolvedRefs=True/ResolvedRefs',
      })
      await mesh().apply(httpRoute({ name: 'wrong', host, rules: [markedRule(wrong, 'wrong')] }))
      await untilConditions(
        mesh(),
        'wrong',
        'open',
        'Accepted=False/UnsupportedValue ResolvedRefs=True/ResolvedRefs',
      )
      assert.equal((await askAt(mesh().edge, '/right', { host })).status, 404)
    })

    test('routes of a namespace that is deleted are served and counted no more', async () => {
      const counted = async () => {
        const { status } = (await mesh().get('gateways.gateway.networking.k8s.io/edge')) as GatewayView
        return status.listeners.find((one) => one.name === 'open')?.attachedRoutes ?? 0
      }
      await mesh().cluster.kubectl('create namespace passing')
      const before = await counted()
      const parents = '{ namespace: shop, name: edge, sectionName: open }'
      const backend = '{ backendRefs: [{ name: here, port: 80 }] }'
      await mesh().apply(
        httpRoute({ name: 'passing', namespace: 'passing', host: 'passing.test', parents, rules: [backend] }),
      )
      const ask = () => askAt(mesh().edge, '/', { host: 'passing.test' })
      await untilServed('the route', ask, (reply) => reply.status === 500)
      await waitFor('the count', async () => (await counted()) === before + 1)
      await mesh().cluster.kubectl('delete namespace passing')
      await untilServed('the route to be gone', ask, (reply) => reply.status === 404)
      await waitFor('the count', async () => (await counted()) === before)
    })
  })
}
