import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type EchoMesh, untilServed } from '../../support/echo/mesh.ts'
import type { Reply } from '../../support/echo/protocol.ts'
import { markedRoute, to, virtualService } from '../../support/echo/virtual-service.ts'
import { serveRules, waysOf } from '../../support/echo/ways.ts'
import { waitForNextSecond } from '../../support/wait.ts'

/** Where VirtualServices hold: hosts, gateways, namespaces, clients and ports. */
export function virtualServiceScopeTests(mesh: () => EchoMesh): void {
  describe('several VirtualServices', () => {
    test('of one host: merged at the gateway, oldest first; in a sidecar the oldest alone', async () => {
      const host = 'vs-shared.test'
      const rules = (mark: string, ...paths: readonly string[]) =>
        paths.map((path) => markedRoute(`[{ uri: { prefix: ${path} } }]`, mark))
      const first = rules('older', '/common', '/older')
      await mesh().apply(virtualService({ name: 'z-older', hosts: host, http: first }))
      await waitForNextSecond()
      const second = rules('newer', '/common', '/newer')
      await mesh().apply(virtualService({ name: 'a-newer', hosts: host, http: second }))
      const [gateway, sidecar] = waysOf(mesh())
      assert.ok(gateway && sidecar)
      await untilServed('both at the gateway', () => gateway.ask('/newer', { host }))
      await untilServed('the older in the sidecar', () => sidecar.ask('/older', { host }), marked('older'))
      assert.equal((await gateway.ask('/common', { host })).headers['x-rule'], 'older')
      assert.equal((await gateway.ask('/older', { host })).headers['x-rule'], 'older')
      assert.equal((await sidecar.ask('/common', { host })).headers['x-rule'], 'older')
      assert.equal((await sidecar.ask('/newer', { host })).status, 404)
      await mesh().remove('virtualservice z-older')
      await untilServed('the newer in the sidecar', () => sidecar.ask('/newer', { host }), marked('newer'))
      await untilServed('the newer at the gateway', () => gateway.ask('/common', { host }), marked('newer'))
    })

    test('exportTo "." keeps rules in their namespace', async () => {
      const [, sidecar] = waysOf(mesh())
      assert.ok(sidecar)
      const host = 'vs-private.test'
      const apply = (exportTo: string) =>
        mesh().apply(
          virtualService({
            name: 'private',
            namespace: 'guests',
            hosts: host,
            gateways: 'mesh',
            exportTo,
            http: ['{ directResponse: { status: 418 } }'],
          }),
        )
      await apply('*')
      await untilServed(
        'the public one',
        () => sidecar.ask('/', { host }),
        (reply) => reply.status === 418,
      )
      await apply('.')
      await untilServed(
        'the private one to be out of sight',
        () => sidecar.ask('/', { host }),
        (reply) => reply.status === 200,
      )
    })
  })

  test('short names are those of the namespace, for hosts and destinations, however a client spells them', async () => {
    const rule = `{ match: [{ uri: { prefix: /short } }], headers: { response: { set: { x-rule: short } } }, route: [{ destination: { host: echo-v2 } }] }`
    const rest = '{ route: [{ destination: { host: echo-v1.shop.svc.cluster.local } }] }'
    await mesh().apply(
      virtualService({ name: 'short', hosts: 'echo-v1', gateways: 'mesh', http: [rule, rest] }),
    )
    const ask = (authority: string) => mesh().client.call({ url: `http://${authority}/short` })
    await untilServed('the rule', () => ask('echo-v1'), marked('short'))
    for (const authority of ['echo-v1.shop', 'echo-v1.shop.svc', 'echo-v1.shop.svc.cluster.local:80']) {
      const { headers } = await ask(authority)
      assert.equal(headers['x-rule'], 'short', authority)
      assert.equal(headers['x-served-by'], 'v2', authority)
    }
    assert.equal((await mesh().client.call({ url: 'http://echo-v1/other' })).headers['x-served-by'], 'v1')
    await mesh().remove('virtualservice short')
    await untilServed(
      'the Service itself',
      () => ask('echo-v1'),
      (reply) => reply.headers['x-served-by'] === 'v1',
    )
  })

  test('a service’s rules hold on the ports that its clients dial', async () => {
    const http = [
      markedRoute('[{ port: 8080 }]', 'alternative'),
      '{ headers: { response: { set: { x-rule: usual } } }, route: [{ destination: { host: echo } }] }',
    ]
    await mesh().apply(virtualService({ name: 'ports', hosts: 'echo', gateways: 'mesh', http }))
    const ask = (port: number) => mesh().client.call({ url: `http://echo:${port}/` })
    await untilServed('the rule', () => ask(80), marked('usual'))
    assert.equal((await ask(8080)).headers['x-rule'], 'alternative')
    await mesh().remove('virtualservice ports')
    await untilServed(
      'the Service itself',
      () => ask(80),
      (reply) => reply.headers['x-rule'] === undefined,
    )
  })

  test('a match may be for some of the gateways, or for clients with some labels', async () => {
    const [gateway, sidecar] = await serveRules(mesh(), 'vs-where', [
      markedRoute('[{ gateways: [ingress] }]', 'ingress'),
      markedRoute(
        '[{ gateways: [mesh], uri: { prefix: /labels }, sourceLabels: { app: client } }]',
        'client',
      ),
      markedRoute('[{ gateways: [mesh], uri: { prefix: /labels }, sourceLabels: { app: else } }]', 'else'),
      markedRoute('[{ gateways: [mesh], uri: { prefix: /from }, sourceNamespace: guests }]', 'guests'),
      markedRoute('[{ gateways: [mesh], sourceNamespace: shop }]', 'shop'),
    ])
    assert.equal((await gateway.ask('/labels')).headers['x-rule'], 'ingress')
    assert.equal((await sidecar.ask('/labels')).headers['x-rule'], 'client')
    assert.equal((await sidecar.ask('/from')).headers['x-rule'], 'shop')
  })

  test('wild cards are for hosts that have no rules of their own', async () => {
    await mesh().apply(
      [
        virtualService({
          name: 'wild',
          hosts: "'*.wild.test'",
          http: [markedRoute('[{ uri: { prefix: / } }]', 'wild')],
        }),
        virtualService({
          name: 'tame',
          hosts: 'tame.wild.test',
          http: [markedRoute('[{ uri: { prefix: /tame } }]', 'tame')],
        }),
        virtualService({
          name: 'services',
          hosts: "'*.shop.svc.cluster.local'",
          gateways: 'mesh',
          http: [
            `{ match: [{ headers: { x-wild: {} } }], route: [${to('v2')}] }`,
            `{ route: [${to('v1')}] }`,
          ],
        }),
      ].join('---'),
    )
    const [gateway, sidecar] = waysOf(mesh())
    for (const { name, ask } of [gateway, sidecar]) {
      const tame = { host: 'tame.wild.test' }
      await untilServed(`tame at the ${name}`, () => ask('/tame', tame), marked('tame'))
      await untilServed(`wild at the ${name}`, () => ask('/', { host: 'a.b.wild.test' }), marked('wild'))
      assert.equal((await ask('/', tame)).status, 404, name)
    }
    const ask = () => mesh().client.call({ url: 'http://echo-v1/', headers: { 'x-wild': '1' } })
    await untilServed('a service', ask, (reply) => reply.headers['x-served-by'] === 'v2')
    await mesh().remove('virtualservice services')
    await untilServed('the service itself', ask, (reply) => reply.headers['x-served-by'] === 'v1')
  })

  test('a server of a Gateway takes hosts of the namespaces that it names; others are redirected to https', async () => {
    await mesh().apply(NARROW_GATEWAY)
    const rules = [markedRoute('[{ uri: { prefix: / } }]', 'narrow')]
    const service = (name: string, namespace: string, gateways: string, hosts: string) =>
      virtualService({
        name,
        namespace,
        gateways,
        hosts,
        http: rules.map((rule) => rule.replaceAll('host: echo-v1', 'host: echo-v1.shop.svc.cluster.local')),
      })
    await mesh().apply(
      [
        service('resident', 'shop', 'narrow', 'resident.narrow.test, secure.test'),
        service('visitor', 'guests', 'shop/narrow', 'visitor.narrow.test'),
        service('invited', 'guests', 'shop/narrow', 'invited.test'),
      ].join('---'),
    )
    const [gateway] = waysOf(mesh())
    const ask = (host: string) => gateway.ask('/x?y', { host })
    await untilServed('the resident', () => ask('resident.narrow.test'), marked('narrow'))
    await untilServed('the invited', () => ask('invited.test'), marked('narrow'))
    assert.equal((await ask('visitor.narrow.test')).status, 404)
    const secure = await ask('secure.test')
    assert.equal(secure.status, 301)
    assert.equal(secure.headers['location'], 'https://secure.test/x?y')
  })

  test('rules for a host that is no service hold on port 80 alone', async () => {
    const [, sidecar] = await serveRules(mesh(), 'vs-port-eighty', [
      markedRoute('[{ uri: { exact: / } }]', 'rule'),
    ])
    assert.equal((await sidecar.ask('/')).headers['x-rule'], 'rule')
    const other = await sidecar.ask('/', { port: 8080 })
    assert.equal(other.status, 200)
    assert.equal(other.headers['x-rule'], undefined)
  })
}

const marked = (mark: string) => (reply: Reply) => reply.headers['x-rule'] === mark

const NARROW_GATEWAY = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: narrow, namespace: shop }
spec:
  selector: { istio: ingressgateway }
  servers:
    - { port: { number: 80, name: http, protocol: HTTP }, hosts: ['./*.narrow.test', guests/invited.test] }
    - { port: { number: 80, name: http-secure, protocol: HTTP }, hosts: [secure.test], tls: { httpsRedirect: true } }
`
