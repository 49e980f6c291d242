/** Certificates and roots change under load, and no request fails by it. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ask } from '../../src/cli/demo/sampling.ts'
import { cacerts, testIntermediate, testRoot } from '../../src/mesh/identity/testing.ts'
import { startCluster, type TestCluster } from '../support/cluster.ts'
import { DEMO, installDemo } from '../support/demo.ts'
import { startLoad, type SteadyLoad } from '../support/load.ts'
import { waitFor } from '../support/wait.ts'

/** Short lives, so that every certificate is renewed several times while the test runs. */
const LIFE_SECONDS = 12
const SETTINGS = [
  `values.pilot.env.DEFAULT_WORKLOAD_CERT_TTL=${LIFE_SECONDS}s`,
  'values.pilot.env.LATEEN_CA_ROOT_LEAD=3s',
  `meshConfig.defaultConfig.proxyMetadata.SECRET_TTL=${LIFE_SECONDS}s`,
]

let cluster: TestCluster
let gateway = ''
const loads: SteadyLoad[] = []

before(async () => {
  cluster = await startCluster()
  gateway = await installDemo(cluster, SETTINGS)
  await cluster.kubectl(`create -f ${DEMO}/routing/gateway-api/route-weights-50-50.yaml -n demo`)
  const version = () => ask({ address: gateway, path: '/api/version' })
  await waitFor('the route', async () => (await version()).status === 200)
})
after(async () => {
  for (const load of loads) await load.stop()
  await cluster?.stop()
})

test('a plugged-in CA takes the place of the self-signed one, and its successor its own, with no failed request', async () => {
  begin()
  const self = await rootsIn('demo')
  assert.equal(self.length, 1)
  for (const name of ['first', 'second']) {
    const before = await rootsIn('demo')
    const root = await plugIn(name)
    await waitFor('the new root beside the old one, in each namespace', async () => {
      const found = await Promise.all(['demo', 'istio-system', 'default'].map(rootsIn))
      return found.every((roots) => roots.includes(root) && before.every((old) => roots.includes(old)))
    })
    await waitFor('the old root to be forgotten', async () => (await rootsIn('demo')).length === 1)
    assert.deepEqual(await rootsIn('demo'), [root])
  }
  await expectNoFailure()
})

test('a CA that is wrong changes nothing', async () => {
  begin()
  const before = await rootsIn('demo')
  const [root, other] = [await madeRoot('one'), await madeRoot('other')]
  await applyCa({ ...root, key: other.key }, root)
  await waitFor('the refusal in the log', async () =>
    (await cluster.kubectl('logs -n istio-system deployment/istiod')).includes(
      'does not belong to the certificate',
    ),
  )
  assert.deepEqual(await rootsIn('demo'), before)
  await expectNoFailure()
})

type Made = Awaited<ReturnType<typeof testRoot>>

function madeRoot(name: string): Promise<Made> {
  return testRoot(name, 24 * 3600_000, Date.now())
}

/** @returns the root of a CA that is plugged in now */
async function plugIn(name: string): Promise<string> {
  const root = await madeRoot(name)
  await applyCa(await testIntermediate(`${name} intermediate`, root, 12 * 3600_000, Date.now()), root)
  return root.certificate.trim()
}

async function applyCa(ca: Made, root: Made): Promise<void> {
  const file = join(cluster.stateDirectory, 'cacerts.json')
  writeFileSync(file, JSON.stringify(cacerts(ca, [root], [ca])), { mode: 0o600 })
  await cluster.kubectl(`apply -f ${file}`)
}

async function rootsIn(namespace: string): Promise<readonly string[]> {
  const text = await cluster.kubectl(
    `get configmap istio-ca-root-cert -n ${namespace} -o jsonpath={.data.root-cert\\.pem}`,
  )
  return text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []
}

/** Kept connections and fresh ones: each has its own way to meet a change. */
function begin(): void {
  for (const opensEach of [false, true]) {
    loads.push(
      startLoad({
        host: gateway,
        path: '/api/version',
        opensEach,
        perSecond: 25,
        requestsMax: 5000,
        nameOf: (status, body) => {
          if (status !== 200) throw new Error(`status ${status}: ${body.slice(0, 200)}`)
          return 'answered'
        },
      }),
    )
  }
}

async function expectNoFailure(): Promise<void> {
  for (const load of loads.splice(0)) {
    const report = await load.stop()
    assert.deepEqual(report.failures, [])
    assert.ok(report.sent > 0)
  }
}
