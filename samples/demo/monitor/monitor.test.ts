import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startProgram } from '../testing/program.ts'
import type { Program } from '../testing/program.ts'
import { escapeHtml, renderPage, scriptLiteral } from './page.ts'

let monitor: Program

before(async () => {
  monitor = await startProgram('monitor/main.ts', { VERSION: '1.0.0', DEMO_APP_HOST: '' })
})

after(() => monitor.stop())

test('the page is served at /status, and each answer closes its connection', async () => {
  const response = await fetch(`${monitor.url}/status?from=test`)
  const page = await response.text()
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8')
  assert.equal(response.headers.get('connection'), 'close')
  assert.equal(response.headers.get('content-length'), String(Buffer.byteLength(page)))
  assert.match(page, /<h1>Monitor Dashboard<\/h1>/)
  assert.match(page, />Monitor Service Version: 1\.0\.0<\//)
  assert.match(page, /const HOST = ""/)
})

test('HEAD has the headers alone, OPTIONS tells the methods, other methods are 405', async () => {
  const head = await fetch(`${monitor.url}/status`, { method: 'HEAD' })
  assert.deepEqual([head.status, await head.text()], [200, ''])
  const options = await fetch(`${monitor.url}/status`, { method: 'OPTIONS' })
  assert.deepEqual([options.status, options.headers.get('allow')], [200, 'GET, HEAD, OPTIONS'])
  for (const method of ['POST', 'PUT', 'DELETE']) {
    const response = await fetch(`${monitor.url}/status`, { method })
    assert.deepEqual([response.status, response.headers.get('connection')], [405, 'close'])
  }
})

test('every other path is 404', async () => {
  for (const path of ['/', '/status/', '/statuses', '/status/x', '/api/version']) {
    const response = await fetch(monitor.url + path)
    assert.deepEqual([response.status, response.headers.get('connection')], [404, 'close'])
  }
})

test('version and address cannot leave the place where they are written', () => {
  const page = renderPage({ version: '<b>"1"</b>', appHost: "http://x/</script><script>'\u2028" })
  assert.ok(page.includes('Monitor Service Version: &#60;b&#62;&#34;1&#34;&#60;/b&#62;'))
  assert.equal(page.match(/<\/script>/g)?.length, 1)
  assert.equal(JSON.parse(scriptLiteral('</script>&\u2028')), '</script>&\u2028')
  assert.equal(escapeHtml(`&'`), '&#38;&#39;')
})

test('without variables the page shows dev and calls http://localhost:3000', async () => {
  const plain = await startProgram('monitor/main.ts')
  const page = await (await fetch(`${plain.url}/status`)).text()
  assert.match(page, />Monitor Service Version: dev</)
  assert.match(page, /const HOST = "http:\/\/localhost:3000"/)
  assert.equal(await plain.stop(), 0)
})
