import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { ClaimMatch, Route } from '../../../model/index.ts'
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
import { getRequest } from '../rbac/testing.ts'
import { authenticationOf, createIssuer, ISSUER, jwtRuleOf } from './testing.ts'

// istio.io, Tasks / Security / Authentication / JWT claim based routing
describe('routes by claims of a token', () => {
  let proxy: TestProxy
  let port = 0
  const closers: (() => void)[] = []
  const issuer = createIssuer()
  const services = ['plain', 'admins'].map((name) =>
    serviceObject(name, { ports: [{ port: 80, name: 'http', protocol: 'http' }] }),
  )

  before(async () => {
    port = await freePort()
    proxy = createTestProxy()
    closers.push(() => proxy.close())
    const workloads = []
    for (const service of services) {
      const app = await rawServer(respondWith(() => ok(service.hostname.split('.')[0] ?? '')))
      closers.push(app.close)
      workloads.push(
        workloadObject(`${service.hostname}-1`, {
          address: `127.0.0.${workloads.length + 1}`,
          services: { [service.key]: { ports: { '80': app.port }, ready: true } },
        }),
      )
    }
    const [plain, admins] = services
    assert.ok(plain && admins)
    const claims: readonly ClaimMatch[] = [
      { path: ['realm', 'roles'], match: { kind: 'exact', value: 'admin' } },
    ]
    const first = routeObject('admins', {
      port,
      action: forwardTo(admins),
      match: {},
      order: 1,
      domains: ['*'],
    })
    const claiming: Route = { ...first, matches: first.matches.map((match) => ({ ...match, claims })) }
    proxy.accept(
      changesOf([
        meshObject(),
        ...services,
        ...workloads,
        authenticationOf(jwtRuleOf({ kind: 'inline', jwks: issuer.jwks })),
        listenerObject(port),
        claiming,
        routeObject('plain', { port, action: forwardTo(plain), match: {}, order: 2, domains: ['*'] }),
      ]),
    )
    await until(() => proxy.isBound(), 'the port is bound')
  })
  after(() => {
    for (const close of closers) close()
  })

  const served = async (claims: Readonly<Record<string, unknown>> | undefined) => {
    const lines =
      claims === undefined ? [] : [`Authorization: Bearer ${issuer.token({ iss: ISSUER, ...claims })}`]
    return (await exchangeBytes(port, getRequest('/', ...lines))).split('\r\n\r\n')[1]
  }

  test('one text of a list is enough, in a member of a member', async () => {
    assert.equal(await served({ realm: { roles: ['user', 'admin'] } }), 'admins')
    assert.equal(await served({ realm: { roles: 'admin' } }), 'admins')
    assert.equal(await served({ realm: { roles: ['user'] } }), 'plain')
    assert.equal(await served({ realm: 'admin' }), 'plain')
    assert.equal(await served(undefined), 'plain')
  })

  test('a token that does not hold is no way to another route', async () => {
    const forged = createIssuer().token({ iss: ISSUER, realm: { roles: ['admin'] } })
    assert.match(
      await exchangeBytes(port, getRequest('/', `Authorization: Bearer ${forged}`)),
      /^HTTP\/1\.1 401 /,
    )
  })
})
