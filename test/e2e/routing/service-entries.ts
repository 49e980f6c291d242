import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { runCommand } from '../../support/command.ts'
import { type EchoMesh, untilServed, versionsOf } from '../../support/echo/mesh.ts'
import { ECHO_PORTS } from '../../support/echo/protocol.ts'
import { serveRules } from '../../support/echo/ways.ts'

/** What is in the mesh without being a Service: hosts with endpoints, by address, by selector and by name. */
export function serviceEntryTests(mesh: () => EchoMesh): void {
  describe('ServiceEntries', () => {
    test('endpoints with labels are subsets of a host that Kubernetes does not know', async () => {
      const [v1, v2] = await Promise.all(['v1', 'v2'].map((version) => echoAddress(mesh(), version)))
      const endpoint = (address: string | undefined, version: string) =>
        `{ address: ${address}, ports: { http: ${ECHO_PORTS.http} }, labels: { version: ${version} } }`
      await mesh().apply(
        `${serviceEntry('machines', `resolution: STATIC, endpoints: [${endpoint(v1, 'v1')}, ${endpoint(v2, 'v2')}]`)}---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: machines, namespace: shop }
spec: { host: machines.test, subsets: [{ name: two, labels: { version: v2 } }] }
`,
      )
      const ways = await serveRules(mesh(), 'se-endpoints', [
        '{ match: [{ uri: { prefix: /two } }], route: [{ destination: { host: machines.test, subset: two } }] }',
        '{ route: [{ destination: { host: machines.test } }] }',
      ])
      for (const { way, ask, sample } of ways) {
        await untilServed(
          `${way}, the host`,
          () => ask('/'),
          (reply) => reply.status === 200,
        )
        assert.deepEqual(Object.keys(versionsOf(await sample(30))).toSorted(), ['v1', 'v2'], way)
        for (let i = 0; i < 5; i++) assert.equal((await ask('/two')).headers['x-served-by'], 'v2', way)
      }
      await mesh().remove('serviceentry machines')
    })

    test('a selector picks pods, and a name is resolved', async () => {
      await mesh().apply(
        `${serviceEntry('picked', `resolution: STATIC, workloadSelector: { labels: { app: echo, version: v1 } }`)}---${serviceEntry('named', 'resolution: DNS, endpoints: [{ address: echo.shop.svc.cluster.local, ports: { http: 80 } }]')}`,
      )
      const ways = await serveRules(mesh(), 'se-more', [
        '{ match: [{ uri: { prefix: /named } }], route: [{ destination: { host: named.test } }] }',
        '{ route: [{ destination: { host: picked.test } }] }',
      ])
      for (const { way, ask, sample } of ways) {
        await untilServed(
          `${way}, the picked`,
          () => ask('/'),
          (reply) => reply.status === 200,
        )
        assert.deepEqual(Object.keys(versionsOf(await sample(10))), ['v1'], way)
        await untilServed(
          `${way}, the named`,
          () => ask('/named'),
          (reply) => reply.status === 200,
        )
      }
      for (const name of ['picked', 'named']) await mesh().remove(`serviceentry ${name}`)
    })
  })

  describe('VirtualService faults', () => {
    test('an abort answers for the application, a delay comes before it', async () => {
      const route = 'route: [{ destination: { host: echo } }]'
      const ways = await serveRules(mesh(), 'vs-faults', [
        `{ match: [{ uri: { prefix: /abort } }], fault: { abort: { httpStatus: 418 } }, ${route} }`,
        `{ match: [{ uri: { prefix: /late } }], fault: { delay: { percentage: { value: 100 }, fixedDelay: 0.3s } }, ${route} }`,
        `{ ${route} }`,
      ])
      for (const { way, ask } of ways) {
        const aborted = await ask('/abort')
        assert.equal(aborted.status, 418, way)
        assert.equal(aborted.body, 'fault filter abort')
        const started = performance.now()
        assert.equal((await ask('/late')).status, 200, way)
        assert.ok(performance.now() - started >= 290, `${way}: no delay`)
      }
    })
  })

  describe('HTTP/2', () => {
    test('a client that knows that the gateway speaks it is served, whatever the application speaks', async () => {
      await serveRules(mesh(), 'vs-http2', ['{ route: [{ destination: { host: echo } }] }'])
      const url = `http://${mesh().ingress}/`
      const line = [
        '-s',
        '--http2-prior-knowledge',
        '-H',
        'host: vs-http2.test',
        '-w',
        '%{http_version} %{http_code}',
      ]
      const { stdout } = await runCommand('curl', [...line, '-o', '/dev/null', '--max-time', '10', url])
      assert.equal(stdout, '2 200')
    })
  })
}

async function echoAddress(mesh: EchoMesh, version: string): Promise<string> {
  return mesh.cluster.kubectl(
    `get pods -n shop -l app=echo,version=${version} -o jsonpath={.items[0].status.podIP}`,
  )
}

function serviceEntry(name: string, spec: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec: { hosts: [${name}.test], ports: [{ number: 80, name: http, protocol: HTTP, targetPort: ${ECHO_PORTS.http} }], ${spec} }
`
}
