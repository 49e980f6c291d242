import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { createManualClock, createSeededRandom, silentLogger } from '../../../base/index.ts'
import { meshObject, rawServer, respondWith, serviceObject, workloadObject } from '../../testing.ts'
import { getRequest, guardApp, type GuardedApp, one, policyOf, requestTo } from '../rbac/testing.ts'
import { isForbidden } from './fetch-keys.ts'
import { parseKeySet, verifySignature } from './key-set.ts'
import { fetchedKeys } from './key-source.ts'
import { JWT } from './problems.ts'
import { authenticationOf, createIssuer, ISSUER, jwtRuleOf } from './testing.ts'
import { parseToken } from './token.ts'

const LOG = '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS%\n'
const issuer = createIssuer()
const INLINE = { kind: 'inline', jwks: issuer.jwks } as const
const claims = { iss: ISSUER, sub: 'ann' }
const bearer = (token: string) => `Authorization: Bearer ${token}`

describe('signatures', () => {
  for (const alg of [
    'RS256',
    'RS384',
    'RS512',
    'PS256',
    'PS384',
    'PS512',
    'ES256',
    'ES384',
    'ES512',
    'EdDSA',
  ]) {
    test(`${alg} holds for what was signed, and for nothing else`, () => {
      const { jwks, token } = createIssuer(alg)
      const keys = parseKeySet(jwks)
      assert.ok(typeof keys !== 'string')
      const parsed = parseToken(token(claims))
      assert.ok(typeof parsed !== 'string')
      assert.equal(verifySignature(parsed, keys), undefined)
      assert.equal(verifySignature({ ...parsed, signed: `${parsed.signed}A` }, keys), JWT.signature)
      assert.equal(verifySignature({ ...parsed, signature: Buffer.alloc(64) }, keys), JWT.signature)
      assert.equal(verifySignature({ ...parsed, alg: alg === 'RS256' ? 'PS256' : 'RS256' }, keys), JWT.noKey)
      assert.equal(verifySignature({ ...parsed, kid: 'two' }, keys), JWT.noKey)
    })
  }

  test('a token cannot say that it needs no signature, or one by a secret', () => {
    const keys = parseKeySet(issuer.jwks)
    assert.ok(typeof keys !== 'string')
    for (const alg of ['none', 'HS256', 'constructor']) {
      const parsed = parseToken(issuer.token(claims, { alg }))
      assert.ok(typeof parsed !== 'string')
      assert.equal(verifySignature(parsed, keys), JWT.algUnknown)
    }
  })
})

describe('tokens of requests', () => {
  let app: GuardedApp
  beforeEach(async () => {
    app = await guardApp(meshObject(LOG))
  })
  afterEach(() => app.close())

  const status = async (request: string) => (await app.send(request)).slice(9, 12)
  const now = () => Math.floor(Date.now() / 1000)

  test('a request without a token passes, one with a good one too', async () => {
    app.set(authenticationOf(jwtRuleOf(INLINE)))
    assert.equal(await status(getRequest('/')), '200')
    assert.equal(await status(getRequest('/', bearer(issuer.token(claims)))), '200')
    assert.doesNotMatch(app.seen[1] ?? '', /authorization/i)
  })

  test('what is wrong with a token is told in Envoy’s words', async () => {
    app.set(authenticationOf(jwtRuleOf(INLINE, { audiences: ['shop'] })))
    const good = { ...claims, aud: ['other', 'https://shop/'] }
    assert.equal(await status(getRequest('/', bearer(issuer.token(good)))), '200')
    const TABLE: readonly [token: string, problem: string, status: string][] = [
      ['a.b', JWT.form, '401'],
      ['!.b.c', JWT.form, '401'],
      [issuer.token({ ...good, exp: now() - 120 }), 'Jwt is expired', '401'],
      [issuer.token({ ...good, nbf: now() + 120 }), 'Jwt not yet valid', '401'],
      [issuer.token({ ...good, iss: 'https://other' }), 'Jwt issuer is not configured', '401'],
      [createIssuer().token(good), 'Jwt verification fails', '401'],
      [createIssuer('ES256', 'x').token(good), JWT.noKey, '401'],
      [issuer.token({ ...good, aud: 'other' }), 'Audiences in Jwt are not allowed', '403'],
      [issuer.token({ ...good, exp: 'tomorrow' }), JWT.expiryType, '401'],
    ]
    for (const [token, problem, expected] of TABLE) {
      const answer = await app.send(getRequest('/a?b', bearer(token)))
      assert.equal(answer.slice(9, 12), expected, problem)
      assert.ok(answer.endsWith(`\r\n\r\n${problem}`), answer)
      assert.match(
        answer,
        /\r\nwww-authenticate: Bearer realm="http:\/\/app\.demo\/a\?b", error="invalid_token"\r\n/,
      )
    }
    assert.equal(
      app.proxy.logLines.at(-1),
      `401 jwt_authn_access_denied{${JWT.expiryType.replaceAll(' ', '_')}}\n`,
    )
  })

  test('tokens of a little clock difference are borne with', async () => {
    app.set(authenticationOf(jwtRuleOf(INLINE)))
    assert.equal(await status(getRequest('/', bearer(issuer.token({ ...claims, exp: now() - 30 })))), '200')
    assert.equal(await status(getRequest('/', bearer(issuer.token({ ...claims, nbf: now() + 30 })))), '200')
  })

  test('fields, parameters and cookies that a rule names are looked at, and no others', async () => {
    const from = {
      headers: [{ name: 'x-token', prefix: 'Token ' }],
      params: ['t'],
      cookies: ['session'],
    }
    app.set(
      authenticationOf(jwtRuleOf(INLINE, { from })),
      policyOf('token', { kind: 'allow' }, [{ from: [[one('request-principal', ['*'])]] }]),
    )
    const token = issuer.token(claims)
    assert.equal(await status(getRequest('/', `X-Token: Token ${token}`)), '200')
    assert.equal(await status(getRequest(`/p?a=1&t=${token}&b=2`)), '200')
    assert.match(app.seen.at(-1) ?? '', /^GET \/p\?a=1&b=2 /)
    assert.equal(await status(getRequest('/', `Cookie: a=b; session=${token}`)), '200')
    assert.equal(await status(getRequest('/', bearer(token))), '403')
    assert.equal(await status(getRequest('/', `X-Token: ${token}`)), '403')
  })

  test('the application hears of claims from the proxy alone', async () => {
    const rule = jwtRuleOf(INLINE, {
      forwardsToken: true,
      payloadHeader: 'x-payload',
      claimHeaders: [
        { claim: 'sub', header: 'x-sub' },
        { claim: 'realm.level', header: 'x-level' },
        { claim: 'groups', header: 'x-groups' },
      ],
    })
    app.set(authenticationOf(rule))
    const token = issuer.token({ ...claims, realm: { level: 7 }, groups: ['a'] })
    await app.send(getRequest('/', bearer(token), 'X-Sub: root', 'X-Payload: mine'))
    const head = app.seen[0] ?? ''
    assert.match(head, /\r\nx-sub: ann\r\n/)
    assert.match(head, /\r\nx-level: 7\r\n/)
    assert.match(head, new RegExp(`\r\nx-groups: ${Buffer.from('["a"]').toString('base64url')}\r\n`))
    assert.match(head, new RegExp(`\r\nx-payload: ${token.split('.')[1]}\r\n`))
    assert.match(head, /\r\nauthorization: bearer/i)
    assert.doesNotMatch(head, /root|mine/)
    await app.send(getRequest('/', 'X-Sub: root', 'X-Payload: mine'))
    assert.doesNotMatch(app.seen[1] ?? '', /x-sub|x-payload/i)
  })

  test('a preflight passes whatever it carries', async () => {
    app.set(authenticationOf(jwtRuleOf(INLINE)))
    const lines = ['Origin: http://a', 'Access-Control-Request-Method: GET', bearer('nonsense')]
    assert.equal(await status(requestTo('OPTIONS', '/', ...lines)), '200')
  })

  test('policies decide over the claims of the token', async () => {
    app.set(
      authenticationOf(jwtRuleOf(INLINE)),
      policyOf('writers', { kind: 'allow' }, [
        {
          from: [[one('request-principal', [`${ISSUER}/ann`])]],
          when: [{ attribute: { kind: 'claim', path: ['scope'] }, values: ['write'], notValues: [] }],
        },
      ]),
    )
    assert.equal(
      await status(getRequest('/', bearer(issuer.token({ ...claims, scope: 'read write' })))),
      '200',
    )
    assert.equal(await status(getRequest('/', bearer(issuer.token({ ...claims, scope: 'read' })))), '403')
    const bob = issuer.token({ iss: ISSUER, sub: 'bob', scope: 'write' })
    assert.equal(await status(getRequest('/', bearer(bob))), '403')
    assert.equal(await status(getRequest('/')), '403')
  })

  test('of several issuers each has its own keys', async () => {
    const other = createIssuer('RS256')
    app.set(
      authenticationOf(
        jwtRuleOf(INLINE),
        jwtRuleOf({ kind: 'inline', jwks: other.jwks }, { issuer: 'https://other' }),
      ),
    )
    assert.equal(
      await status(getRequest('/', bearer(other.token({ ...claims, iss: 'https://other' })))),
      '200',
    )
    assert.equal(await status(getRequest('/', bearer(other.token(claims)))), '401')
  })

  test('keys are fetched, a request waits for them, and new ones are asked for when a token names them', async () => {
    let jwks = issuer.jwks
    let asked = 0
    const server = await rawServer(
      respondWith(() => {
        asked++
        return `HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(jwks)}\r\n\r\n${jwks}`
      }),
    )
    const service = serviceObject('keys', { ports: [{ port: 80, name: 'http', protocol: 'http' }] })
    const workload = workloadObject('keys-1', {
      address: '127.0.0.1',
      services: { [service.key]: { ports: { '80': server.port }, ready: true } },
    })
    app.set(
      service,
      workload,
      authenticationOf(
        jwtRuleOf({ kind: 'remote', uri: `http://${service.hostname}/keys`, timeoutMs: 2000 }),
      ),
    )
    assert.equal(await status(getRequest('/', bearer(issuer.token(claims)))), '200')
    assert.equal(asked, 1)
    jwks = createIssuer('ES256', 'two').jwks
    assert.equal(await status(getRequest('/', bearer(createIssuer('ES256', 'two').token(claims)))), '401')
    assert.equal(asked, 1, 'not so soon again')
    server.close()
  })

  test('an issuer that cannot be reached stops nobody but those with its tokens', async () => {
    app.set(authenticationOf(jwtRuleOf({ kind: 'remote', uri: 'http://127.0.0.1:1/keys', timeoutMs: 1000 })))
    assert.equal(await status(getRequest('/')), '200')
    const answer = await app.send(getRequest('/', bearer(issuer.token(claims))))
    assert.match(answer, /^HTTP\/1\.1 401 [^]*\r\n\r\nJwks remote fetch is failed$/)
  })
})

describe('keys that are fetched', () => {
  function start(answers: (() => Promise<string>)[]) {
    const clock = createManualClock()
    let asked = 0
    const source = fetchedKeys({
      name: 'test',
      fetch: async () => {
        asked++
        return (answers.shift() ?? (() => Promise.reject(new Error('away'))))()
      },
      clock,
      random: createSeededRandom(1),
      logger: silentLogger,
    })
    return { clock, source, asked: () => asked }
  }
  const settled = (source: ReturnType<typeof fetchedKeys>) =>
    new Promise<void>((resolve) => source.onSettled(resolve))

  test('what was fetched stays while nothing else can be had, and is asked for again', async () => {
    const { clock, source, asked } = start([async () => issuer.jwks, async () => 'nonsense'])
    await settled(source)
    const keys = source.current()
    assert.equal(typeof keys, 'object')
    clock.advance(20 * 60_000)
    await settled(source)
    assert.equal(source.current(), keys)
    assert.equal(asked(), 2)
    clock.advance(1000)
    await settled(source)
    assert.equal(source.current(), keys)
    clock.advance(1000)
    assert.equal(asked(), 3, 'each failure waits longer')
    source.close()
  })

  test('one fetch at a time, and none when it is too soon', async () => {
    const { clock, source, asked } = start([async () => issuer.jwks])
    assert.equal(source.refresh(), true)
    assert.equal(asked(), 1)
    await settled(source)
    assert.equal(source.refresh(), false)
    clock.advance(10_000)
    assert.equal(source.refresh(), true)
    assert.equal(asked(), 2)
    source.close()
  })

  test('the machine itself is nobody’s key server', () => {
    for (const ip of ['127.0.0.1', '::1', '169.254.169.254', '0.0.0.0', 'fe80::1', '::ffff:127.0.0.1'])
      assert.ok(isForbidden(ip), ip)
    for (const ip of ['10.0.0.1', '192.0.2.1', 'fd00::1', '2001:db8::1']) assert.ok(!isForbidden(ip), ip)
  })
})
