import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { backendRef, createServeBench, gatewayFile, hostFile, type ServeBench } from './testing.ts'

const REQUESTS = 200
/** Five standard deviations of the largest share that is asked for here. */
const SLACK = 36

describe('an HTTPRoute that names a missing Service next to a good one', () => {
  let bench: ServeBench
  beforeEach(async () => {
    bench = await createServeBench()
    bench.write('gateway.yaml', gatewayFile(bench.port))
    const app = await bench.backend((_request, response) => response.end('app'))
    bench.write('app.yaml', hostFile('app', [app]))
  })
  afterEach(() => bench.stop())

  function routeTo(refs: readonly string[]): string {
    return `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web }
spec:
  parentRefs: [{ name: edge }]
  rules:
    - backendRefs: [${refs.join(', ')}]
    - matches: [{ path: { value: /whole } }]
      backendRefs: [${backendRef('app')}]
`
  }

  const weighted = (ref: string, weight: number) => ref.replace(' }', `, weight: ${weight} }`)

  /** How many requests of all got each status. */
  async function statuses(path: string): Promise<ReadonlyMap<number, number>> {
    const counts = new Map<number, number>()
    for (let sent = 0; sent < REQUESTS; sent += 20) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => bench.get(path)))
      for (const { status } of answers) counts.set(status, (counts.get(status) ?? 0) + 1)
    }
    return counts
  }

  function assertShare(counts: ReadonlyMap<number, number>, failing: number): void {
    assert.deepEqual(new Set(counts.keys()), new Set([200, 500]))
    const expected = REQUESTS * failing
    assert.ok(Math.abs((counts.get(500) ?? 0) - expected) <= SLACK, JSON.stringify([...counts]))
  }

  const absent = '{ name: absent, port: 80 }'

  test('answers its share with 500 and serves the rest, other rules whole', async () => {
    bench.write('route.yaml', routeTo([weighted(backendRef('app'), 3), weighted(absent, 1)]))
    await bench.start()
    assertShare(await statuses('/'), 1 / 4)
    assert.deepEqual([...(await statuses('/whole')).keys()], [200])
  })

  test('does so for each kind of reference that leads nowhere, and not at all for one of weight 0', async () => {
    const wrong = [
      '{ name: app, group: example.org, kind: Bucket, port: 80 }',
      '{ name: absent, namespace: elsewhere, port: 80 }',
      backendRef('app').replace('80', '81'),
    ]
    const refs = [weighted(backendRef('app'), 3), ...wrong.map((ref) => weighted(ref, 1))]
    bench.write('route.yaml', routeTo([...refs, weighted(absent, 0)]))
    await bench.start()
    assertShare(await statuses('/'), 1 / 2)
    bench.write('route.yaml', routeTo([backendRef('app'), weighted(absent, 0)]))
    await bench.until('no share for the weight of 0', async () => {
      const counts = await statuses('/')
      return counts.get(200) === REQUESTS
    })
  })

  test('serves the whole when the missing one comes, and fails its share again when it goes', async () => {
    bench.write('route.yaml', routeTo([backendRef('app'), backendRef('late')]))
    await bench.start()
    assertShare(await statuses('/'), 1 / 2)
    const late = await bench.backend((_request, response) => response.end('late'))
    bench.write('late.yaml', hostFile('late', [late]))
    await bench.until('the late one', async () => (await statuses('/')).get(200) === REQUESTS)
    bench.write('late.yaml', hostFile('another', [late]))
    await bench.until('its share to fail again', async () => (await statuses('/')).get(200) !== REQUESTS)
    assertShare(await statuses('/'), 1 / 2)
  })
})
