import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createServeBench, gatewayFile, hostFile, backendRef, type ServeBench } from './testing.ts'

let bench: ServeBench
before(async () => {
  bench = await createServeBench()
  const app = await bench.backend((_request, response) => response.end('app'))
  bench.write('gateway.yaml', gatewayFile(bench.port))
  bench.write('app.yaml', hostFile('app', [app]))
  bench.write(
    'route.yaml',
    `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: app }
spec: { parentRefs: [{ name: edge }], rules: [{ backendRefs: [${backendRef('app')}] }] }
`,
  )
  bench.write('policies.yaml', policyFile('gateway', '/closed', ''))
  await bench.start()
})
after(() => bench.stop())

function policyFile(name: string, path: string, more: string): string {
  return `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name} }
spec: { ${more} action: DENY, rules: [{ to: [{ operation: { paths: ['${path}'] } }] }] }
`
}

test('policies of gateways are enforced, those of workloads that are not here are not', async () => {
  const status = async (path: string) => (await bench.get(path)).status
  assert.equal(await status('/'), 200)
  assert.equal(await status('/closed'), 403)
  const workload = policyFile('workload', '/workload', 'selector: { matchLabels: { app: app } },')
  bench.write('policies.yaml', `${policyFile('other', '/other', '')}---\n${workload}`)
  await bench.until('the other policy', async () => (await status('/other')) === 403)
  assert.equal(await status('/closed'), 200)
  assert.equal(await status('/workload'), 200)
})
