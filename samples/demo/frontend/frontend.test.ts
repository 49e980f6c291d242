import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startProgram } from '../testing/program.ts'
import type { Program } from '../testing/program.ts'

let frontend: Program

before(async () => {
  frontend = await startProgram('frontend/main.ts')
})

after(() => frontend.stop())

const get = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(frontend.url + path, { redirect: 'manual', ...init })

test('/app leads to /app/ by an address without host, which stays right behind any gateway', async () => {
  const response = await get('/app')
  assert.deepEqual([response.status, response.headers.get('location')], [301, '/app/'])
  assert.equal((await get('/app?a=1')).headers.get('location'), '/app/?a=1')
})

test('the page is served for every path under /app/ that is no file', async () => {
  for (const path of [
    '/app/',
    '/app/?x=1',
    '/app/welcome',
    '/app/some/where',
    '/app/index.html',
    '/app/assets',
  ]) {
    const response = await get(path)
    const page = await response.text()
    assert.equal(response.status, 200, path)
    assert.match(response.headers.get('content-type') ?? '', /^text\/html/)
    assert.match(page, /<title>Istio Demo<\/title>/)
    assert.match(page, /<div id="root"><\/div>/)
  }
})

test('what the page names is there with its right type, and an ETag that answers 304', async () => {
  const page = await (await get('/app/')).text()
  const assets = [...page.matchAll(/(?:src|href)="(?<path>\/app\/assets\/[^"]+)"/g)].map(
    (match) => match.groups?.['path'] ?? '',
  )
  assert.deepEqual(new Set(assets.map((path) => path.split('.').at(-1))), new Set(['css', 'js']))
  for (const path of assets) {
    const response = await get(path)
    await response.text()
    const etag = response.headers.get('etag') ?? ''
    assert.equal(response.status, 200)
    assert.match(
      response.headers.get('content-type') ?? '',
      path.endsWith('.js') ? /^text\/javascript/ : /^text\/css/,
    )
    assert.match(etag, /^".+"$/)
    assert.equal((await get(path, { headers: { 'If-None-Match': etag } })).status, 304)
    assert.equal((await get(path, { headers: { 'If-None-Match': '"other"' } })).status, 200)
  }
})

test('a missing asset is 404, and no path leads out of the site', async () => {
  for (const path of [
    '/app/assets/missing.js',
    '/app/assets/',
    '/app/assets/%2e%2e/%2e%2e/main.ts',
    '/app/assets/..%2fx',
  ]) {
    assert.equal((await get(path)).status, 404, path)
  }
})

test('anything else is 404, also the root and the paths of the API', async () => {
  for (const path of ['/', '/application', '/api/version', '/assets/app.js', '/app%']) {
    assert.equal((await get(path)).status, 404, path)
  }
})

test('other methods are 405', async () => {
  for (const path of ['/app', '/app/', '/app/welcome', '/app/assets/app.js']) {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
      assert.equal((await get(path, { method })).status, 405)
  }
})
