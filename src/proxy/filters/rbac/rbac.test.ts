import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import {
  changesOf,
  createTestProxy,
  exchangeBytes,
  forwardTo,
  freePort,
  listenerObject,
  meshObject,
  ok,
  rawServer,
  respondWith,
  routeObject,
  serviceObject,
  type TestProxy,
  until,
  workloadObject,
} from '../../testing.ts'
import { getRequest, guardApp, type GuardedApp, one, policyOf, requestTo } from './testing.ts'

const LOG = '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS%\n'
const NO_WRITES = policyOf('no-writes', { kind: 'deny' }, [{ to: [[one('method', ['POST'])]] }])

describe('authorization before a workload', () => {
  let app: GuardedApp
  beforeEach(async () => {
    app = await guardApp(meshObject(LOG))
  })
  afterEach(() => app.close())

  test('a request that is refused is answered in Envoy’s words', async () => {
    app.set(NO_WRITES)
    assert.match(await app.send(getRequest('/')), /^HTTP\/1\.1 200 /)
    const refused = await app.send(requestTo('POST', '/', 'Content-Length: 0'))
    assert.match(refused, /^HTTP\/1\.1 403 Forbidden\r\n[^]*\r\n\r\nRBAC: access denied$/)
    assert.equal(
      app.proxy.logLines.at(-1),
      '403 - rbac_access_denied_matched_policy[ns[demo]-policy[no-writes]-rule[0]] -\n',
    )
    assert.equal(app.seen.length, 1)
  })

  test('without a rule that allows it nothing passes', async () => {
    app.set(policyOf('reads', { kind: 'allow' }, [{ to: [[one('path', ['/open*'])]] }]))
    assert.match(await app.send(getRequest('/open/a')), /^HTTP\/1\.1 200 /)
    assert.match(await app.send(getRequest('/closed')), /^HTTP\/1\.1 403 /)
    assert.equal(app.proxy.logLines.at(-1), '403 - rbac_access_denied_matched_policy[none] -\n')
  })

  test('a policy that comes, changes and goes holds for the next request of a connection that is there', async () => {
    const socket = connect(app.inbound, '127.0.0.1')
    await once(socket, 'connect')
    let text = ''
    socket.on('data', (chunk) => (text += chunk.toString('latin1')))
    const status = async () => {
      text = ''
      socket.write('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 0\r\n\r\n')
      await until(() => text.includes('\r\n\r\n'), 'an answer')
      return text.slice(9, 12)
    }
    assert.equal(await status(), '200')
    app.set(NO_WRITES)
    assert.equal(await status(), '403')
    app.set({ ...NO_WRITES, rules: [] })
    assert.equal(await status(), '200')
    app.set(NO_WRITES)
    app.proxy.accept([{ kind: 'remove', type: 'authorization-policy', key: NO_WRITES.key }])
    assert.equal(await status(), '200')
    socket.destroy()
  })

  test('policies of other workloads and namespaces are nobody’s business here', async () => {
    app.set(
      policyOf('a', { kind: 'deny' }, [{}], { scope: { namespace: 'elsewhere', labels: {} } }),
      policyOf('b', { kind: 'deny' }, [{}], { scope: { namespace: 'demo', labels: { app: 'other' } } }),
    )
    assert.match(await app.send(getRequest('/')), /^HTTP\/1\.1 200 /)
    assert.equal(app.proxy.runtime.guards.all().length, 0)
  })

  test('AUDIT and dry runs let everything pass, and are counted', async () => {
    app.set(
      policyOf('watch', { kind: 'audit' }, [{}]),
      policyOf('try', { kind: 'deny' }, [{}], { isDryRun: true }),
    )
    assert.match(await app.send(getRequest('/')), /^HTTP\/1\.1 200 /)
    assert.deepEqual(Object.fromEntries(app.proxy.runtime.guards.counters())['http.rbac.'], {
      allowed: 1,
      denied: 0,
      shadow_allowed: 0,
      shadow_denied: 1,
      logged: 1,
    })
  })

  test('the client that proxies before have named is another than who has connected', async () => {
    app.set(policyOf('known', { kind: 'allow' }, [{ from: [[one('remote-ip', ['203.0.113.0/24'])]] }]))
    assert.match(
      await app.send(getRequest('/', 'X-Forwarded-For: 10.0.0.9, 203.0.113.7')),
      /^HTTP\/1\.1 200 /,
    )
    assert.match(
      await app.send(getRequest('/', 'X-Forwarded-For: 203.0.113.7, 10.0.0.9')),
      /^HTTP\/1\.1 403 /,
    )
    assert.match(await app.send(getRequest('/')), /^HTTP\/1\.1 403 /)
  })

  test('bytes that are no HTTP are decided on as a connection', async () => {
    const bytes = '\x00\x01\x02not http\r\n'
    app.set(
      policyOf('port', { kind: 'deny' }, [
        { to: [[one('port', [String(app.appPort)]), one('method', ['GET'])]] },
      ]),
    )
    assert.equal(await exchangeBytes(app.inbound, bytes).catch(() => ''), '')
    await until(() => app.proxy.logLines.length > 0, 'a line of the log')
    assert.match(
      app.proxy.logLines.at(-1) ?? '',
      /^0 - - rbac_access_denied_matched_policy\[ns\[demo\]-policy\[port\]-rule\[0\]\]\n$/,
    )
    assert.equal(app.seen.length, 0)
  })
})

describe('authorization at a gateway', () => {
  let proxy: TestProxy
  let port = 0
  const closers: (() => void)[] = []
  const service = serviceObject('s', { ports: [{ port: 80, name: 'http', protocol: 'http' }] })

  before(async () => {
    const app = await rawServer(respondWith(() => ok('fine')))
    port = await freePort()
    proxy = createTestProxy()
    closers.push(app.close, () => proxy.close())
    const workload = workloadObject('s-1', {
      address: '127.0.0.1',
      services: { [service.key]: { ports: { '80': app.port }, ready: true } },
    })
    const route = routeObject('r', {
      port,
      action: forwardTo(service),
      match: { path: { kind: 'string-prefix', value: '/shop' } },
      order: 1,
      domains: ['*'],
    })
    proxy.accept(changesOf([meshObject(LOG), service, workload, listenerObject(port), route]))
    await until(() => proxy.isBound(), 'the port is bound')
  })
  after(() => {
    for (const close of closers) close()
  })

  test('who may not call at all is told so, with or without a route', async () => {
    assert.match(await exchangeBytes(port, getRequest('/shop')), /^HTTP\/1\.1 200 /)
    assert.match(await exchangeBytes(port, getRequest('/none')), /^HTTP\/1\.1 404 /)
    proxy.accept(changesOf([policyOf('all', { kind: 'deny' }, [{ to: [[one('host', ['app.demo'])]] }])]))
    assert.match(await exchangeBytes(port, getRequest('/shop')), /^HTTP\/1\.1 403 /)
    assert.match(await exchangeBytes(port, getRequest('/none')), /^HTTP\/1\.1 403 /)
    proxy.accept([
      { kind: 'remove', type: 'authorization-policy', key: policyOf('all', { kind: 'deny' }, []).key },
    ])
    assert.match(await exchangeBytes(port, getRequest('/shop')), /^HTTP\/1\.1 200 /)
  })
})
