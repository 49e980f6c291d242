import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { AuthorizationAttribute, AuthorizationPolicy, PlainAttribute } from '../../model/index.ts'
import type { ConnectionFacts } from '../connection.ts'
import type { RequestFacts } from './facts.ts'
import { authorizerOf, conditionOf, connectionOf, policyOf, requestOf } from './testing.ts'

function effect(
  policies: readonly AuthorizationPolicy[],
  request: RequestFacts = requestOf(),
  connection: ConnectionFacts = connectionOf(),
): string {
  return authorizerOf(policies).decide(request, connection).effect
}

/** Whether a rule with this one condition matches. */
function matches(
  attribute: PlainAttribute | AuthorizationAttribute,
  values: readonly string[],
  facts: { request?: RequestFacts; connection?: ConnectionFacts; notValues?: readonly string[] },
): boolean {
  const { request = requestOf(), connection = connectionOf(), notValues = [] } = facts
  const when = [conditionOf(attribute, values, notValues)]
  return effect([policyOf('p', 'allow', [{ when }])], request, connection) === 'allow'
}

// istio.io, Reference / Config / Security / Authorization Policy: the order of evaluation.
describe('policies decide in the order of Istio', () => {
  const everything = [{}]
  const TABLE: readonly [name: string, policies: readonly AuthorizationPolicy[], effect: string][] = [
    ['an ALLOW policy without rules allows nothing', [policyOf('a', 'allow', [])], 'deny'],
    ['a DENY policy without rules denies nothing', [policyOf('d', 'deny', [])], 'allow'],
    ['an empty rule matches everything', [policyOf('a', 'allow', everything)], 'allow'],
    ['so does that of a DENY policy', [policyOf('d', 'deny', everything)], 'deny'],
    ['DENY wins over ALLOW', [policyOf('a', 'allow', everything), policyOf('d', 'deny', everything)], 'deny'],
    [
      'one ALLOW that matches is enough',
      [policyOf('a', 'allow', []), policyOf('b', 'allow', everything)],
      'allow',
    ],
    ['AUDIT refuses nobody', [policyOf('a', 'audit', everything)], 'allow'],
    ['CUSTOM is for others to decide', [policyOf('c', 'custom', everything)], 'allow'],
    ['a dry run refuses nobody', [policyOf('d', 'deny', everything, { isDryRun: true })], 'allow'],
    ['nor does one that allows', [policyOf('a', 'allow', [], { isDryRun: true })], 'allow'],
  ]
  for (const [name, policies, expected] of TABLE) test(name, () => assert.equal(effect(policies), expected))

  test('a verdict names policy, rule and reason', () => {
    const writes = [{}, {}].map((_, i) => ({
      to: [[conditionOf('method', [i === 0 ? 'DELETE' : 'POST'])]],
      from: [[conditionOf('namespace', ['outside'])]],
    }))
    const verdict = authorizerOf([policyOf('deny-writes', 'deny', writes)]).decide(
      requestOf({ method: 'POST' }),
      connectionOf({ peerOf: ['outside', 'job'] }),
    )
    assert.deepEqual(verdict, {
      effect: 'deny',
      by: { policy: 'demo/deny-writes', rule: 1, id: 'ns[demo]-policy[deny-writes]-rule[1]' },
      reason:
        'denied by demo/deny-writes rule 1: source spiffe://cluster.local/ns/outside/sa/job, method POST not allowed',
    })
  })

  test('without a rule that allows it the reason names what would have to', () => {
    const verdict = authorizerOf([
      policyOf('readers', 'allow', [{ to: [[conditionOf('method', ['GET'])]] }]),
    ]).decide(requestOf({ method: 'PUT' }), connectionOf())
    assert.deepEqual(verdict, {
      effect: 'deny',
      by: undefined,
      reason: 'no rule of demo/readers allows it: method PUT',
    })
  })

  test('AUDIT and dry runs are told beside the verdict', () => {
    const { remark } = authorizerOf([
      policyOf('watch', 'audit', [{ to: [[conditionOf('method', ['GET'])]] }]),
      policyOf('try', 'deny', [{}], { isDryRun: true }),
      policyOf('try-allow', 'allow', [], { isDryRun: true }),
    ])
    const remarks = remark?.(requestOf(), connectionOf())
    assert.equal(remarks?.audit?.policy, 'demo/watch')
    assert.equal(remarks.shadowDeny?.effect, 'deny')
    assert.equal(remarks.shadowAllow?.effect, 'deny')
  })

  test('CUSTOM asks each service once, for the rules that match', () => {
    const rules = [{ to: [[conditionOf('path', ['/a*'])]] }]
    const asking = authorizerOf([
      policyOf('one', 'custom', rules),
      policyOf('two', 'custom', rules),
      policyOf('other', 'custom', rules, { action: { kind: 'custom', provider: 'opa' } }),
    ])
    const asked = asking.asks(requestOf({ path: '/a?b' }), connectionOf())
    assert.deepEqual(
      asked.map(({ provider, by }) => [provider, by.policy]),
      [
        ['authz', 'demo/one'],
        ['opa', 'demo/other'],
      ],
    )
    assert.deepEqual(asking.asks(requestOf({ path: '/b' }), connectionOf()), [])
  })
})

// istio/istio, pilot/pkg/security/authz/model/generator.go and matcher/{string,header}.go; istio.io, Conditions.
describe('conditions match as in Istio', () => {
  const peer = connectionOf({ peerOf: ['foo', 'web'] })
  const auth = {
    issuer: 'https://issuer.example/a',
    subject: 'ann',
    claims: {
      iss: 'https://issuer.example/a',
      sub: 'ann',
      aud: ['one', 'two'],
      azp: 'app',
      groups: ['dev', 'ops'],
      realm: { roles: ['admin'] },
      level: 7,
    },
  }
  const known = requestOf({ auth })

  const TABLE: readonly [
    attribute: PlainAttribute | AuthorizationAttribute,
    value: string,
    facts: { request?: RequestFacts; connection?: ConnectionFacts },
    expected: boolean,
  ][] = [
    ['principal', 'cluster.local/ns/foo/sa/web', { connection: peer }, true],
    ['principal', 'cluster.local/ns/foo/sa/we', { connection: peer }, false],
    ['principal', '*', { connection: peer }, true],
    ['principal', '*', {}, false],
    ['principal', '*/ns/foo/sa/web', { connection: peer }, true],
    ['principal', 'cluster.local/ns/foo/*', { connection: peer }, true],
    ['principal', 'cluster.local/ns/fo/*', { connection: peer }, false],
    ['trust-domain', 'cluster.local', { connection: peer }, true],
    ['trust-domain', 'other', { connection: peer }, false],
    ['namespace', 'foo', { connection: peer }, true],
    ['namespace', 'f*', { connection: peer }, true],
    ['namespace', '*o', { connection: peer }, true],
    ['namespace', 'fo', { connection: peer }, false],
    ['namespace', '*', {}, false],
    ['service-account', 'foo/web', { connection: peer }, true],
    ['service-account', 'web', { connection: peer }, false],
    ['service-account', 'web', { connection: connectionOf({ peerOf: ['demo', 'web'] }) }, true],
    ['source-ip', '10.0.0.0/8', {}, true],
    ['source-ip', '10.0.0.1', {}, true],
    ['source-ip', '10.0.0.2', {}, false],
    ['source-ip', 'fd00::/8', { connection: connectionOf({ sourceAddress: 'fd12::1' }) }, true],
    ['source-ip', 'fd00::/8', { connection: connectionOf({ sourceAddress: 'fe80::1' }) }, false],
    [
      'source-ip',
      '2001:db8::/33',
      { connection: connectionOf({ sourceAddress: '2001:db8:8000::1' }) },
      false,
    ],
    ['source-ip', '0.0.0.0/0', { connection: connectionOf({ sourceAddress: '::1' }) }, false],
    ['remote-ip', '10.1.0.0/16', {}, true],
    ['remote-ip', '10.0.0.1', {}, false],
    ['destination-ip', '10.0.0.2', {}, true],
    ['port', '8080', {}, true],
    ['port', '80', {}, false],
    ['server-name', 'www.example.com', { connection: connectionOf({ serverName: 'www.example.com' }) }, true],
    ['server-name', '*', {}, false],
    ['method', 'GET', {}, true],
    ['method', 'get', {}, false],
    ['method', 'G*', {}, true],
    ['path', '/a', { request: requestOf({ path: '/a?b=/c' }) }, true],
    ['path', '/a', { request: requestOf({ path: '/a/' }) }, false],
    ['path', '/a*', { request: requestOf({ path: '/a/b' }) }, true],
    ['path', '*/b', { request: requestOf({ path: '/a/b' }) }, true],
    ['path', '/ü', { request: requestOf({ path: Buffer.from('/ü').toString('latin1') }) }, true],
    ['host', 'SHOP.example', {}, true],
    ['host', 'shop.example', { request: requestOf({ authority: 'shop.example:8080' }) }, false],
    ['host', 'shop.example:*', { request: requestOf({ authority: 'shop.example:8080' }) }, true],
    ['host', '*.example', {}, true],
    [{ kind: 'header', name: 'x-a' }, 'b', { request: requestOf({ headers: { 'x-a': 'b' } }) }, true],
    [{ kind: 'header', name: 'x-a' }, '*', { request: requestOf({ headers: { 'x-a': '' } }) }, true],
    [{ kind: 'header', name: 'x-a' }, '*', {}, false],
    [{ kind: 'header', name: ':authority' }, 'shop.example', {}, true],
    ['request-principal', 'https://issuer.example/a/ann', { request: known }, true],
    ['request-principal', '*', { request: known }, true],
    ['request-principal', '*', {}, false],
    ['request-principal', 'https://issuer.example/a/*', { request: known }, true],
    ['request-principal', 'https://issuer.example/*', { request: known }, false],
    ['request-principal', '*/ann', { request: known }, true],
    ['request-principal', '*/bob', { request: known }, false],
    ['audience', 'two', { request: known }, true],
    ['audience', 'three', { request: known }, false],
    ['presenter', 'app', { request: known }, true],
    [{ kind: 'claim', path: ['groups'] }, 'ops', { request: known }, true],
    [{ kind: 'claim', path: ['realm', 'roles'] }, 'admin', { request: known }, true],
    [{ kind: 'claim', path: ['realm', 'none'] }, '*', { request: known }, false],
    [{ kind: 'claim', path: ['level'] }, '7', { request: known }, false],
    [{ kind: 'claim', path: ['constructor'] }, '*', { request: known }, false],
  ]
  for (const [attribute, value, facts, expected] of TABLE) {
    const name = typeof attribute === 'string' ? attribute : JSON.stringify(attribute)
    test(`${name} ${value} ${expected ? 'matches' : 'does not match'}`, () => {
      assert.equal(matches(attribute, [value], facts), expected)
      assert.equal(matches(attribute, [], { ...facts, notValues: [value] }), !expected)
    })
  }

  // istio.io, AuthorizationPolicy, Operation.paths
  const TEMPLATES: readonly [template: string, path: string, expected: boolean][] = [
    ['/foo/{*}', '/foo/bar', true],
    ['/foo/{*}', '/foo/bar/baz', false],
    ['/foo/{*}', '/foo/', false],
    ['/foo/{**}/', '/foo/bar/', true],
    ['/foo/{**}/', '/foo//', true],
    ['/foo/{**}/', '/foo/bar', false],
    ['/foo/{*}/bar/{**}', '/foo/buzz/bar/', true],
    ['/foo/{*}/bar/{**}', '/foo/buzz/bar/baz', true],
    ['/foo/{*}/bar/{**}', '/foo/buzz/bar/baz/more', true],
    ['/foo/{*}/bar/{**}', '/foo/bar/baz', false],
    ['/*/baz/{*}', '/a/baz/b', false],
    ['/{**}/foo/{*}', '/a/foo/b', false],
    ['/foo/{*}.txt', '/foo/a.txt', false],
  ]
  for (const [template, path, expected] of TEMPLATES)
    test(`template ${template} ${expected ? 'matches' : 'does not match'} ${path}`, () =>
      assert.equal(matches('path', [template], { request: requestOf({ path }) }), expected))
})

// istio/istio, pilot/pkg/security/authz/model/model.go (checkError); istio.io, Authorization for TCP traffic
describe('what cannot be decided is decided against the request', () => {
  const connection = connectionOf({ peerOf: ['foo', 'web'] })
  const onTcp = (policies: readonly AuthorizationPolicy[]) =>
    authorizerOf(policies, 'tcp').decide(undefined, connection).effect
  const get = conditionOf('method', ['GET'])
  const port = (value: string) => conditionOf('port', [value])

  test('on TCP a rule with fields of HTTP allows nothing', () => {
    assert.equal(onTcp([policyOf('a', 'allow', [{ to: [[get]] }])]), 'deny')
    assert.equal(onTcp([policyOf('a', 'allow', [{ to: [[get], [port('8080')]] }])]), 'deny')
  })
  test('on TCP a rule that denies keeps what is left of it', () => {
    assert.equal(onTcp([policyOf('d', 'deny', [{ to: [[get, port('8080')]] }])]), 'deny')
    assert.equal(onTcp([policyOf('d', 'deny', [{ to: [[get, port('9090')]] }])]), 'allow')
    assert.equal(onTcp([policyOf('d', 'deny', [{ to: [[get]] }])]), 'deny')
  })
  test('a value that means nothing allows nothing, and is left out of what denies', () => {
    const broken = conditionOf('source-ip', ['10.0.0.0/33'])
    assert.equal(effect([policyOf('a', 'allow', [{ when: [broken] }])]), 'deny')
    assert.equal(effect([policyOf('d', 'deny', [{ when: [broken] }])]), 'deny')
    const unknown = conditionOf({ kind: 'unknown', name: 'destination.labels[a]' }, ['b'])
    assert.equal(effect([policyOf('a', 'allow', [{ when: [unknown] }])]), 'deny')
    assert.equal(effect([policyOf('d', 'deny', [{ when: [unknown] }])]), 'deny')
  })
})

// istio.io, Tasks / Security / Authorization / Trust Domain Migration
describe('names of the trust domain', () => {
  const peerOf = (trustDomain: string) => {
    const principal = `spiffe://${trustDomain}/ns/foo/sa/web` as NonNullable<
      ConnectionFacts['peer']
    >['principal']
    return connectionOf({ peer: { principal, trustDomain, namespace: 'foo', serviceAccount: 'web' } })
  }
  const allows = (principal: string, trustDomain: string) =>
    authorizerOf([policyOf('a', 'allow', [{ from: [[conditionOf('principal', [principal])]] }])], 'http', [
      'old-td',
    ]).decide(requestOf(), peerOf(trustDomain)).effect === 'allow'

  test('a principal of an alias is one of the mesh, and the other way', () => {
    assert.ok(allows('old-td/ns/foo/sa/web', 'cluster.local'))
    assert.ok(allows('cluster.local/ns/foo/sa/web', 'old-td'))
    assert.ok(allows('*-td/ns/foo/sa/web', 'old-td'))
    assert.ok(allows('*-td/ns/foo/sa/web', 'cluster.local'))
  })
  test('that of another mesh stays its own', () => {
    assert.equal(allows('other/ns/foo/sa/web', 'cluster.local'), false)
    assert.ok(allows('other/ns/foo/sa/web', 'other'))
    assert.equal(allows('cluster.local/ns/foo/sa/web', 'other'), false)
  })
})

describe('laws', () => {
  const attribute = fc.constantFrom<PlainAttribute>('method', 'path', 'host', 'namespace', 'port')
  const value = fc.constantFrom('GET', 'POST', '/', '/a*', '*', 'shop.example', 'foo', '8080', '80', '')
  const condition = fc
    .record({
      attribute,
      values: fc.array(value, { maxLength: 2 }),
      notValues: fc.array(value, { maxLength: 2 }),
    })
    .map((one) => conditionOf(one.attribute, one.values, one.notValues))
  const conditions = fc.array(condition, { maxLength: 2 })
  const rule = fc.record({
    from: fc.array(conditions, { maxLength: 2 }),
    to: fc.array(conditions, { maxLength: 2 }),
    when: conditions,
  })
  const policy = fc.record({
    kind: fc.constantFrom('allow' as const, 'deny' as const),
    rules: fc.array(rule, { maxLength: 3 }),
  })
  const policies = fc
    .array(policy, { minLength: 1, maxLength: 5 })
    .map((list) => list.map(({ kind, rules }, i) => policyOf(`p${i}`, kind, rules)))
  const request = fc
    .record({
      method: fc.constantFrom('GET', 'POST'),
      path: fc.constantFrom('/', '/a', '/ab?c', '/b'),
      authority: fc.constantFrom('shop.example', 'other', ''),
    })
    .map(requestOf)
  const connection = fc
    .record({ port: fc.constantFrom(80, 8080), peer: fc.option(fc.constantFrom('foo', 'bar')) })
    .map(({ port, peer }) =>
      connectionOf({ destinationPort: port, ...(peer !== null && { peerOf: [peer, 'web'] as const }) }),
    )

  test('DENY wins: where a DENY policy alone refuses, nothing beside it lets the request pass', () => {
    fc.assert(
      fc.property(policies, request, connection, (list, facts, from) => {
        const denying = list.filter(({ action }) => action.kind === 'deny')
        if (denying.length === 0 || effect(denying, facts, from) === 'allow') return
        assert.equal(effect(list, facts, from), 'deny')
      }),
      { numRuns: 300 },
    )
  })

  test('the order of policies and of rules never matters', () => {
    fc.assert(
      fc.property(policies, request, connection, (list, facts, from) => {
        const turned = list.toReversed().map((one) => ({ ...one, rules: one.rules.toReversed() }))
        assert.equal(effect(turned, facts, from), effect(list, facts, from))
        assert.deepEqual(
          authorizerOf(list.toReversed()).decide(facts, from),
          authorizerOf(list).decide(facts, from),
        )
      }),
      { numRuns: 300 },
    )
  })

  test('another DENY rule never lets more through, another ALLOW rule never less', () => {
    fc.assert(
      fc.property(policies, rule, request, connection, (list, added, facts, from) => {
        const withDeny = [...list, policyOf('more', 'deny', [added])]
        if (effect(withDeny, facts, from) === 'allow') assert.equal(effect(list, facts, from), 'allow')
        const wider = list.map((one) =>
          one.action.kind === 'allow' ? { ...one, rules: [...one.rules, added] } : one,
        )
        if (effect(list, facts, from) === 'allow') assert.equal(effect(wider, facts, from), 'allow')
      }),
      { numRuns: 300 },
    )
  })

  test('empty and missing are different', () => {
    const field = { kind: 'header', name: 'x-a' } as const
    const empty = requestOf({ headers: { 'x-a': '' } })
    assert.equal(matches(field, [''], { request: empty }), true)
    assert.equal(matches(field, [''], {}), false)
    assert.equal(matches(field, [], { request: empty, notValues: ['*'] }), false)
    assert.equal(matches(field, [], { notValues: ['*'] }), true)
    fc.assert(
      fc.property(fc.string(), (text) => {
        assert.equal(matches(field, [text], {}), false)
      }),
    )
  })
})
