/** `lateen analyze` against the cluster: istioctl's line for a clean namespace, and its codes for what is wrong. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startCluster, type TestCluster } from '../support/cluster.ts'
import { DEMO, installDemo } from '../support/demo.ts'

let cluster: TestCluster
before(async () => {
  cluster = await startCluster()
  await installDemo(cluster)
  await cluster.kubectl(`create -f ${DEMO}/routing/gateway-api/route-round-robin.yaml -n demo`)
})
after(() => cluster?.stop())

test('a clean namespace has no issues', async () => {
  const result = await cluster.lateen('analyze -n demo')
  assert.equal(result.status, 0, result.stdout + result.stderr)
  assert.match(result.stdout + result.stderr, /✔ No validation issues found when analyzing namespace: demo\./)
})

const CASES = [
  {
    name: 'a destination host that is nowhere',
    code: 'IST0101',
    text: 'Referenced host not found: "nowhere"',
    status: 79,
    yaml: `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: broken, namespace: demo }
spec: { hosts: [broken.example.com], http: [{ route: [{ destination: { host: nowhere } }] }] }`,
  },
  {
    name: 'a gateway that is nowhere',
    code: 'IST0101',
    text: 'Referenced gateway not found: "no-gateway"',
    status: 79,
    yaml: `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: broken, namespace: demo }
spec: { hosts: [broken.example.com], gateways: [no-gateway], http: [{ route: [{ destination: { host: backend, port: { number: 3000 } } }] }] }`,
  },
  {
    name: 'a subset that selects no pods',
    code: 'IST0173',
    text: 'v9',
    status: 79,
    yaml: `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: broken, namespace: demo }
spec: { host: backend, subsets: [{ name: v9, labels: { version: v9 } }] }`,
  },
] as const

for (const { name, code, text, status, yaml } of CASES) {
  test(`${name} is ${code}`, async () => {
    await cluster.kubectl('apply -f -', { input: yaml })
    const result = await cluster.lateen('analyze -n demo')
    const output = result.stdout + result.stderr
    assert.match(output, new RegExp(`\\[${code}\\] \\(\\w+ demo/broken\\)`))
    assert.ok(output.includes(text), output)
    assert.equal(result.status, status, output)
    await cluster.kubectl('delete -f -', { input: yaml })
  })
}

test('a namespace without injection is IST0102, which is information alone', async () => {
  await cluster.kubectl('create namespace plain')
  await cluster.kubectl('run something -n plain --image=alpine --command -- sleep 600')
  const result = await cluster.lateen('analyze -n plain')
  assert.match(result.stdout + result.stderr, /Info \[IST0102\] \(Namespace plain\)/)
  assert.equal(result.status, 0)
})
