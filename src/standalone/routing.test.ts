import assert from 'node:assert/strict'
import {
  ChannelCredentials,
  Client as GrpcClient,
  Server as GrpcServer,
  ServerCredentials,
} from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, test } from 'node:test'
import {
  backendRef,
  createServeBench,
  gatewayFile,
  hostFile,
  istioGatewayFile,
  type ServeBench,
} from './testing.ts'

describe('lateen serve routes', () => {
  let bench: ServeBench
  beforeEach(async () => {
    bench = await createServeBench()
    bench.write('gateway.yaml', gatewayFile(bench.port))
  })
  afterEach(() => bench.stop())

  test('to this machine, without taking what it finds there for itself', async () => {
    const app = await bench.backend((_request, response) => response.end('app'))
    bench.write('app.yaml', hostFile('app', [app]))
    bench.write(
      'route.yaml',
      `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web }
spec: { parentRefs: [{ name: edge }], rules: [{ backendRefs: [${backendRef('app')}] }] }
`,
    )
    await bench.start()
    assert.equal(await (await bench.get('/')).text(), 'app')
    const counted = (await bench.admin('/stats/prometheus'))
      .split('\n')
      .filter((line) => line.startsWith('istio_requests_total{'))
    assert.equal(counted.length, 1)
    assert.match(counted[0] as string, /source_workload="unknown".*destination_service="app\.example"/)
  })

  const LIMIT = 'type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit'

  test('with the local rate limit of an EnvoyFilter, and says of its other patches that they have no effect', async () => {
    const app = await bench.backend((_request, response) => response.end('app'))
    bench.write('app.yaml', hostFile('app', [app]))
    bench.write(
      'limit.yaml',
      `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web }
spec: { parentRefs: [{ name: edge }], rules: [{ backendRefs: [${backendRef('app')}] }] }
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: limits }
spec:
  configPatches:
    - applyTo: CLUSTER
      patch: { operation: MERGE, value: { connect_timeout: 1s } }
    - applyTo: HTTP_FILTER
      match:
        context: GATEWAY
        listener: { filterChain: { filter: { name: envoy.filters.network.http_connection_manager } } }
      patch:
        operation: INSERT_BEFORE
        value:
          name: envoy.filters.http.local_ratelimit
          typed_config:
            '@type': type.googleapis.com/udpa.type.v1.TypedStruct
            type_url: ${LIMIT}
            value:
              stat_prefix: http_local_rate_limiter
              token_bucket: { max_tokens: 2, tokens_per_fill: 2, fill_interval: 3600s }
              filter_enabled: { default_value: { numerator: 100, denominator: HUNDRED } }
              filter_enforced: { default_value: { numerator: 100, denominator: HUNDRED } }
              response_headers_to_add:
                - { append: false, header: { key: x-local-rate-limit, value: 'true' } }
`,
    )
    await bench.start()
    const answers = [await bench.get('/'), await bench.get('/'), await bench.get('/')]
    assert.deepEqual(
      answers.map((one) => one.status),
      [200, 200, 429],
    )
    assert.equal(answers[2]?.headers.get('x-local-rate-limit'), 'true')
    assert.match(bench.log(), /spec\.configPatches\[0\]\.patch\.value is not supported: of a cluster only/)
  })

  test('again where an HTTPRoute asks for it, on the codes that it names', async () => {
    let calls = 0
    const app = await bench.backend((_request, response) => {
      response.statusCode = ++calls % 3 === 0 ? 200 : 500
      response.end(String(calls))
    })
    bench.write('app.yaml', hostFile('app', [app]))
    const route = (codes: string) => `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web }
spec:
  parentRefs: [{ name: edge }]
  rules: [{ retry: { codes: ${codes}, attempts: 2, backoff: 1ms }, backendRefs: [${backendRef('app')}] }]
`
    bench.write('route.yaml', route('[500]'))
    await bench.start()
    const answer = await bench.get('/')
    assert.deepEqual([answer.status, await answer.text()], [200, '3'])
    bench.write('route.yaml', route('[502]'))
    await bench.until('the other codes', async () => {
      calls = 0
      await (await bench.get('/')).text()
      return calls === 1
    })
  })

  test('by the delegates of a VirtualService', async () => {
    const [one, two] = [
      await bench.backend((_request, response) => response.end('one')),
      await bench.backend((_request, response) => response.end('two')),
    ]
    bench.write('apps.yaml', hostFile('one', [one]) + hostFile('two', [two]))
    bench.write('gateway.yaml', istioGatewayFile(bench.port))
    bench.write(
      'routes.yaml',
      `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: root }
spec:
  hosts: ['*']
  gateways: [edge]
  http:
    - match: [{ uri: { prefix: /two } }]
      delegate: { name: two }
    - route: [{ destination: { host: one.example } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: two }
spec:
  http:
    - match: [{ uri: { prefix: /two/fixed } }]
      directResponse: { status: 200, body: { bytes: Zml4ZWQ= } }
    - route: [{ destination: { host: two.example } }]
`,
    )
    await bench.start()
    const texts = await Promise.all(
      ['/', '/two/x', '/two/fixed'].map(async (path) => (await bench.get(path)).text()),
    )
    assert.deepEqual(texts, ['one', 'two', 'fixed'])
  })

  test('a client to one endpoint, for as long as its cookie is good', async () => {
    const apps = await Promise.all(
      ['one', 'two', 'three'].map((name) => bench.backend((_request, response) => response.end(name))),
    )
    bench.write('app.yaml', hostFile('app', apps))
    bench.write(
      'route.yaml',
      `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web }
spec:
  parentRefs: [{ name: edge }]
  rules: [{ sessionPersistence: { sessionName: cart }, backendRefs: [${backendRef('app')}] }]
`,
    )
    await bench.start()
    const first = await bench.get('/')
    const name = await first.text()
    const cookie = first.headers.get('set-cookie')?.split(';')[0] ?? ''
    assert.match(cookie, /^cart="/)
    for (let i = 0; i < 10; i++) {
      const answer = await bench.get('/', { headers: { cookie } })
      assert.equal(await answer.text(), name)
      assert.equal(answer.headers.get('set-cookie'), null)
    }
  })

  test('calls of gRPC by their service and method, and says in gRPC what is not there', async () => {
    const server = new GrpcServer()
    const echo = { requestStream: false, responseStream: false, ...BYTES, path: '/hello.Greeter/SayHello' }
    server.addService(
      { SayHello: { ...echo, originalName: 'SayHello' } },
      {
        SayHello: (call: { request: Buffer }, done: (error: null, answer: Buffer) => void) =>
          done(null, call.request),
      },
    )
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      )
    })
    bench.write('app.yaml', hostFile('app', [port]).replaceAll('http', 'grpc').replace('HTTP', 'GRPC'))
    bench.write(
      'route.yaml',
      `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: calls }
spec:
  parentRefs: [{ name: edge }]
  rules:
    - matches: [{ method: { service: hello.Greeter } }]
      backendRefs: [${backendRef('app')}]
    - matches: [{ method: { service: hello.Absent } }]
      backendRefs: [${backendRef('absent')}]
`,
    )
    await bench.start()
    const client = new GrpcClient(`127.0.0.1:${bench.port}`, ChannelCredentials.createInsecure())
    const call = (path: string) =>
      new Promise<string>((resolve) => {
        client.makeUnaryRequest(path, identity, identity, Buffer.from('hi'), (error, answer) =>
          resolve(error === null ? String(answer) : `status ${error.code}`),
        )
      })
    assert.equal(await call('/hello.Greeter/SayHello'), 'hi')
    assert.equal(await call('/hello.Absent/SayHello'), 'status 14')
    assert.equal(await call('/hello.Other/SayHello'), 'status 12')
    client.close()
    server.forceShutdown()
  })
})

function identity(bytes: Buffer): Buffer {
  return bytes
}

const BYTES = {
  requestSerialize: identity,
  requestDeserialize: identity,
  responseSerialize: identity,
  responseDeserialize: identity,
}
