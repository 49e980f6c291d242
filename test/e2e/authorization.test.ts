/**
 * AuthorizationPolicy and RequestAuthentication with real kubectl: who may do what, over methods, paths, ports, addresses,
 * tokens, HTTP and TCP, before workloads and at gateways; and how soon a change holds.
 */
import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { askAt, type Caller, type EchoMesh, startEchoMesh, untilServed } from '../support/echo/mesh.ts'
import { ECHO_PORTS, type Reply } from '../support/echo/protocol.ts'

const ISSUER = 'https://issuer.example.test'
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const JWKS = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one' }] })

function tokenOf(claims: Readonly<Record<string, unknown>>): string {
  const signed = [
    { alg: 'ES256', kid: 'one' },
    { iss: ISSUER, ...claims },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  return `Bearer ${signed}.${signature.toString('base64url')}`
}

const policyOf = (name: string, spec: string, more = '') => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: shop${more} }
spec: ${spec}
`

/** Of the pods of version v1 alone. */
const V1 = 'selector: { matchLabels: { app: echo, version: v1 } }'

describe('authorization', () => {
  let mesh: EchoMesh
  before(async () => {
    mesh = await startEchoMesh()
  })
  after(() => mesh?.cluster.stop())

  interface Asked {
    readonly method?: string
    readonly path?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly to?: string
  }
  const ask = ({ method = 'GET', path = '/', headers = {}, to = 'echo-v1' }: Asked = {}): Promise<Reply> =>
    mesh.client.call({ url: `http://${to}${path}`, method, headers, fresh: true })
  const status = async (asked: Asked): Promise<number> => (await ask(asked)).status
  const until = (what: string, wanted: number, asked: Asked = {}) =>
    untilServed(
      what,
      () => ask(asked),
      (reply) => reply.status === wanted,
    )
  const clear = (names: string) => mesh.remove(`authorizationpolicy ${names}`)

  test('DENY refuses what it names, before any ALLOW', async () => {
    await mesh.apply(
      policyOf('no-writes', `{ ${V1}, action: DENY, rules: [{ to: [{ operation: { methods: [POST] } }] }] }`),
    )
    await mesh.apply(policyOf('all', `{ ${V1}, rules: [{}] }`))
    const refused = await until('the refusal', 403, { method: 'POST' })
    assert.equal(refused.body, 'RBAC: access denied')
    assert.equal(await status({ method: 'GET' }), 200)
    assert.equal(await status({ method: 'POST', to: 'echo-v2' }), 200, 'the other workload')
    await clear('no-writes all')
    await until('all of it', 200, { method: 'POST' })
  })

  test('an ALLOW policy refuses everything that it does not name', async () => {
    const rules = `rules:
      [{ to: [{ operation: { paths: [/open/*, '/items/{*}/name'], methods: [GET] } }] }, { when: [{ key: 'request.headers[x-key]', values: [secret] }] }]`
    await mesh.apply(policyOf('some', `{ ${V1}, ${rules} }`))
    await until('the refusal', 403, { path: '/closed' })
    const TABLE: readonly [asked: Asked, expected: number][] = [
      [{ path: '/open/a' }, 200],
      [{ path: '/open' }, 403],
      [{ path: '/open/../closed' }, 403],
      [{ path: '/%6fpen/a' }, 200],
      [{ path: '/items/7/name' }, 200],
      [{ path: '/items/7/8/name' }, 403],
      [{ path: '/open/a', method: 'PUT' }, 403],
      [{ path: '/closed', headers: { 'x-key': 'secret' } }, 200],
      [{ path: '/closed', headers: { 'x-key': 'other' } }, 403],
    ]
    for (const [asked, expected] of TABLE) assert.equal(await status(asked), expected, JSON.stringify(asked))
    await clear('some')
    await until('all of it', 200, { path: '/closed' })
  })

  test('a policy that allows nothing closes all that it selects, a dry run does not', async () => {
    await mesh.apply(
      policyOf(
        'nothing',
        '{ selector: { matchLabels: { app: echo } } }',
        ", annotations: { istio.io/dry-run: 'true' }",
      ),
    )
    await mesh.apply(
      policyOf('marker', `{ ${V1}, action: DENY, rules: [{ to: [{ operation: { paths: [/marker] } }] }] }`),
    )
    await until('the marker', 403, { path: '/marker' })
    assert.equal(await status({}), 200)
    await mesh.cluster.kubectl('annotate authorizationpolicy nothing -n shop istio.io/dry-run-')
    await until('the refusal', 403)
    assert.equal(await status({ to: 'echo-v2' }), 403)
    await clear('nothing marker')
    await until('all of it', 200)
    await until('all of it', 200, { to: 'echo-v2' })
  })

  test('tokens: wrong ones are refused, claims decide', async () => {
    await mesh.apply(`
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: shop }
spec:
  ${V1}
  jwtRules:
    - issuer: ${ISSUER}
      jwks: '${JWKS}'
      outputClaimToHeaders: [{ header: x-user, claim: sub }]
`)
    const wrong = await until('the refusal', 401, { headers: { authorization: 'Bearer a.b.c' } })
    assert.match(
      wrong.headers['www-authenticate'] ?? '',
      /^Bearer realm="http:\/\/echo-v1\/", error="invalid_token"$/,
    )
    assert.equal(await status({}), 200, 'nobody asks for a token')
    await mesh.apply(
      policyOf(
        'members',
        `
  ${V1}
  rules:
    - from: [{ source: { requestPrincipals: ['${ISSUER}/*'] } }]
      when: [{ key: 'request.auth.claims[groups]', values: [members] }]`,
      ),
    )
    await until('the refusal', 403)
    const member = tokenOf({ sub: 'ann', groups: ['members'], exp: Math.floor(Date.now() / 1000) + 600 })
    const allowed = await ask({ headers: { authorization: member } })
    assert.equal(allowed.status, 200)
    assert.equal(allowed.echo?.headers['x-user'], 'ann')
    assert.equal(allowed.echo?.headers['authorization'], undefined)
    assert.equal(
      await status({ headers: { authorization: tokenOf({ sub: 'bob', groups: ['others'] }) } }),
      403,
    )
    const expired = await ask({ headers: { authorization: tokenOf({ sub: 'ann', exp: 1000 }) } })
    assert.deepEqual([expired.status, expired.body], [401, 'Jwt is expired'])
    await clear('members')
    await mesh.remove('requestauthentication tokens')
    await until('all of it', 200)
  })

  test('connections that are no HTTP: ports and addresses decide', async () => {
    const greet = async () => {
      const address = `telnet://greeter-tcp:${ECHO_PORTS.greeter}`
      return (await mesh.client.run(['curl', '-s', '--max-time', '1', address], '')).stdout
    }
    const untilGreeting = (what: string, isGreeted: boolean) =>
      untilServed(
        what,
        async () => ({ status: (await greet()) === '' ? 403 : 200 }) as Reply,
        (reply) => (reply.status === 200) === isGreeted,
      )
    await untilGreeting('the greeting', true)
    await mesh.apply(
      policyOf(
        'no-greeting',
        `{ ${V1}, action: DENY, rules: [{ to: [{ operation: { ports: ['${ECHO_PORTS.greeter}'], methods: [GET] } }] }] }`,
      ),
    )
    await untilGreeting('no greeting', false)
    assert.equal(await status({}), 200, 'another port')
    await clear('no-greeting')
    await untilGreeting('the greeting again', true)
    await mesh.apply(
      policyOf('nobody', `{ ${V1}, rules: [{ from: [{ source: { ipBlocks: [203.0.113.0/24] } }] }] }`),
    )
    await untilGreeting('no greeting', false)
    assert.equal(await status({}), 403)
    await clear('nobody')
    await untilGreeting('the greeting again', true)
  })

  test('identities decide: who has proven none is nobody', async () => {
    const guest = async () => {
      const call = { url: 'http://echo-v1.shop/', fresh: true }
      return (await mesh.guest.call(call)).status
    }
    const greeted = async (from: Caller) => {
      const address = `telnet://greeter-tcp.shop:${ECHO_PORTS.greeter}`
      return (await from.run(['curl', '-s', '--max-time', '1', address], '')).stdout !== ''
    }
    const TABLE: readonly [spec: string, client: number, guest: number][] = [
      ['rules: [{ from: [{ source: { principals: [cluster.local/ns/shop/sa/default] } }] }]', 200, 403],
      ['rules: [{ from: [{ source: { principals: ["*"] } }] }]', 200, 403],
      ['rules: [{ from: [{ source: { namespaces: [guests] } }] }]', 403, 403],
      ['rules: [{ from: [{ source: { serviceAccounts: [default] } }] }]', 200, 403],
      ['rules: [{ from: [{ source: { notPrincipals: ["*"] } }] }]', 403, 200],
      ['action: DENY, rules: [{ from: [{ source: { notNamespaces: [shop] } }] }]', 200, 403],
      ['action: DENY, rules: [{ when: [{ key: source.principal, values: ["*/sa/default"] }] }]', 403, 200],
    ]
    for (const [spec, ofClient, ofGuest] of TABLE) {
      await mesh.apply(policyOf('identity', `{ ${V1}, ${spec} }`))
      const isDecided = async () => {
        const both = [await status({}), await guest()]
        return { status: both[0] === ofClient && both[1] === ofGuest ? 200 : 503 } as Reply
      }
      await untilServed(spec, isDecided, (reply) => reply.status === 200)
      assert.equal(await greeted(mesh.client), ofClient === 200, `${spec}: the client's bytes`)
      assert.equal(await greeted(mesh.guest), ofGuest === 200, `${spec}: the guest's bytes`)
    }
    await clear('identity')
    await until('all of it', 200)
  })

  test('a gateway that a policy names decides for itself', async () => {
    const at = (path: string) => askAt(mesh.edge, path)
    const before = (await at('/')).status
    await mesh.apply(
      policyOf(
        'edge',
        `
  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: edge }]
  action: DENY
  rules: [{ to: [{ operation: { paths: [/admin*] } }] }]`,
      ),
    )
    await untilServed(
      'the refusal',
      () => at('/admin'),
      (reply) => reply.status === 403,
    )
    assert.equal((await at('/x/../%61dmin')).status, 403)
    assert.equal((await at('/')).status, before)
    assert.equal(await status({ path: '/admin' }), 200, 'a sidecar is no gateway')
    await clear('edge')
  })

  test('a change holds soon after kubectl has its answer, and no other request fails', async () => {
    const others: number[] = []
    let isOver = false
    const beside = (async () => {
      while (!isOver) others.push((await ask({ path: '/beside', to: 'echo-v2' })).status)
    })()
    const waits: number[] = []
    for (let i = 0; i < 5; i++) {
      await mesh.apply(
        policyOf('switch', `{ ${V1}, action: DENY, rules: [{ to: [{ operation: { paths: [/switch] } }] }] }`),
      )
      const applied = performance.now()
      while ((await status({ path: '/switch' })) !== 403) assert.ok(performance.now() - applied < 10_000)
      waits.push(performance.now() - applied)
      await clear('switch')
      const removed = performance.now()
      while ((await status({ path: '/switch' })) !== 200) assert.ok(performance.now() - removed < 10_000)
      waits.push(performance.now() - removed)
    }
    isOver = true
    await beside
    console.log(`a policy's change held within (ms): ${waits.map((ms) => ms.toFixed(1)).join(' ')}`)
    assert.ok(others.length > 0)
    assert.deepEqual(
      others.filter((one) => one !== 200),
      [],
    )
  })

  test('x authz check shows the policies of a pod in istioctl’s columns', async () => {
    await mesh.apply(
      policyOf('shown', `{ ${V1}, action: DENY, rules: [{ to: [{ operation: { paths: [/shown] } }] }] }`),
    )
    await until('the refusal', 403, { path: '/shown' })
    const pod = await mesh.cluster.kubectl(
      'get pods -n shop -l app=echo,version=v1 -o jsonpath={.items[0].metadata.name}',
    )
    const { status: exitCode, stdout, stderr } = await mesh.cluster.lateen(`x authz check ${pod}.shop`)
    assert.equal(exitCode, 0, stderr)
    assert.match(stdout, /^ACTION   AuthorizationPolicy   RULES\nDENY     shown.shop            1\n$/)
    await clear('shown')
  })

  test('x describe says of a pod, and of its Service, what holds for it, in istioctl’s words', async () => {
    await mesh.apply(
      policyOf('shown', `{ ${V1}, action: DENY, rules: [{ to: [{ operation: { paths: [/shown] } }] }] }`),
    )
    await until('the refusal', 403, { path: '/shown' })
    const pod = await mesh.cluster.kubectl(
      'get pods -n shop -l app=echo,version=v1 -o jsonpath={.items[0].metadata.name}',
    )
    const ofPod = await mesh.cluster.lateen(`x describe pod ${pod}.shop`)
    assert.equal(ofPod.status, 0, ofPod.stderr)
    assert.match(
      ofPod.stdout,
      new RegExp(`^Pod: ${pod}.shop\n {3}Pod Revision: default\n {3}Pod Ports: .*istio-proxy`),
    )
    assert.match(ofPod.stdout, /\nService: echo-v1\.shop\n {3}Port: http 80\/HTTP targets pod port 8080\n/)
    assert.match(ofPod.stdout, /RBAC policies: ns\[shop\]-policy\[shown\]-rule\[0\]\n/)
    assert.match(ofPod.stdout, /Effective PeerAuthentication:\n {3}Workload mTLS mode: PERMISSIVE\n/)
    const ofService = await mesh.cluster.lateen('x des svc echo-v1 -n shop')
    assert.equal(ofService.status, 0, ofService.stderr)
    assert.match(ofService.stdout, /^Service: echo-v1\n/)
    const nobody = await mesh.cluster.lateen('x describe pod nobody -n shop')
    assert.match(nobody.stderr, /there is no Pod nobody in namespace shop/)
    assert.notEqual(nobody.status, 0)
    await clear('shown')
  })

  test('what a policy means is told in its status', async () => {
    await mesh.apply(policyOf('odd', `{ targetRefs: [{ group: '', kind: Service, name: echo }] }`))
    const line =
      'wait authorizationpolicy/odd -n shop --for=jsonpath={.status.conditions[0].reason}=NotAttached --timeout=10s'
    await mesh.cluster.kubectl(line)
    assert.equal(await status({}), 200)
    await clear('odd')
  })
})
