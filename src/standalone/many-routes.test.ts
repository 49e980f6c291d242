import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { after, before, test } from 'node:test'
import { backendRef, createServeBench, gatewayFile, hostFile, type ServeBench } from './testing.ts'

const ROUTES = 1000

/** What a route asks of requests, and a request that meets it. */
interface Way {
  readonly hostnames?: readonly string[]
  readonly match: Readonly<Record<string, unknown>>
  readonly request: Request
}

interface Request {
  readonly method?: string
  readonly host?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Each of them tells its route from all others by another condition. */
const WAYS: readonly ((index: number) => Way)[] = [
  (index) => ({ match: path('Exact', `/exact/${index}`), request: { path: `/exact/${index}` } }),
  (index) => ({ match: path('PathPrefix', `/prefix/${index}`), request: { path: `/prefix/${index}/x?y` } }),
  (index) => ({
    match: path('RegularExpression', `/r[a-z]+/${index}`),
    request: { path: `/regex/${index}` },
  }),
  (index) => ({
    match: { headers: [{ name: 'x-number', value: String(index) }] },
    request: { path: '/by-header', headers: { 'x-number': String(index) } },
  }),
  (index) => ({
    match: { ...path('Exact', '/by-query'), queryParams: [{ name: 'number', value: String(index) }] },
    request: { path: `/by-query?number=${index}` },
  }),
  (index) => ({
    match: { ...path('Exact', `/by-method/${index}`), method: 'DELETE' },
    request: { path: `/by-method/${index}`, method: 'DELETE' },
  }),
  (index) => ({
    hostnames: [`h${index}.test`],
    match: path('PathPrefix', '/'),
    request: { path: '/', host: `h${index}.test` },
  }),
  (index) => ({
    hostnames: [`*.w${index}.test`],
    match: path('PathPrefix', '/'),
    request: { path: '/', host: `any.w${index}.test` },
  }),
]

let bench: ServeBench
const agent = new Agent({ keepAlive: true, maxSockets: 8 })
before(async () => {
  bench = await createServeBench()
  const app = await bench.backend((_request, response) => response.end('app'))
  bench.write('gateway.yaml', gatewayFile(bench.port))
  bench.write('app.yaml', hostFile('app', [app]))
  bench.write('routes.yaml', Array.from({ length: ROUTES }, (_, index) => routeFile(index)).join('---\n'))
  await bench.start()
})
after(async () => {
  agent.destroy()
  await bench.stop()
})

test('of 1,000 routes on one listener each answers the requests that are its own', async () => {
  const wrong: string[] = []
  await Promise.all(
    Array.from({ length: ROUTES }, async (_, index) => {
      const route = await ask(wayOf(index).request)
      if (route !== nameOf(index)) wrong.push(`${nameOf(index)} was answered by ${route}`)
    }),
  )
  assert.deepEqual(wrong, [])
})

test('a route that is changed, added or taken away beside them moves no other', async () => {
  const changed = routeFile(3, 'changed')
  bench.write(
    'routes.yaml',
    [
      ...Array.from({ length: ROUTES - 1 }, (_, index) => (index === 3 ? changed : routeFile(index))),
      routeFile(ROUTES),
    ].join('---\n'),
  )
  await bench.until('the new route', async () => (await ask(wayOf(ROUTES).request)) === nameOf(ROUTES))
  assert.equal(await ask(wayOf(3).request), 'changed')
  assert.equal(await ask(wayOf(ROUTES - 1).request), undefined)
  for (let index = 4; index < 40; index++) assert.equal(await ask(wayOf(index).request), nameOf(index))
})

function wayOf(index: number): Way {
  const way = WAYS[index % WAYS.length]
  assert.ok(way)
  return way(index)
}

function nameOf(index: number): string {
  return `route-${index}`
}

function path(type: string, value: string): Readonly<Record<string, unknown>> {
  return { path: { type, value } }
}

/** Each tells by a header that it has served. */
function routeFile(index: number, answer = nameOf(index)): string {
  const { hostnames = [], match } = wayOf(index)
  return `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${nameOf(index)} }
spec:
  parentRefs: [{ name: edge }]
  hostnames: ${JSON.stringify(hostnames)}
  rules:
    - matches: [${JSON.stringify(match)}]
      filters: [{ type: ResponseHeaderModifier, responseHeaderModifier: { set: [{ name: x-route, value: ${answer} }] } }]
      backendRefs: [${backendRef('app')}]
`
}

/** @returns the route that has answered, undefined when none did */
function ask({ method = 'GET', host, path: asked, headers }: Request): Promise<string | undefined> {
  const sent = { ...headers, ...(host === undefined ? {} : { host }) }
  return new Promise((resolve, reject) => {
    request(
      { port: bench.port, host: '127.0.0.1', method, path: asked, headers: sent, agent },
      (response) => {
        response.resume()
        const route = response.headers['x-route']
        response.on('end', () => resolve(typeof route === 'string' ? route : undefined))
      },
    )
      .on('error', reject)
      .end()
  })
}
