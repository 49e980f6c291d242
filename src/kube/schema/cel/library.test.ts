import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPatternCache } from '../regex.ts'
import { createProgramCache } from './program.ts'

const programs = createProgramCache(createPatternCache())

function evaluate(expression: string): unknown {
  const planned = programs.get(expression)
  if (planned.kind === 'invalid') assert.fail(`${expression}: ${planned.message}`)
  const outcome = planned.program.run({ self: null, oldSelf: null })
  return outcome.kind === 'error' ? new Error(outcome.message) : outcome.value
}

const TRUE = [
  `isURL('https://example.com:80/path?a=b')`,
  `!isURL('../relative') && !isURL('')`,
  `url('https://example.com:8080/a/b?x=1').getHost() == 'example.com:8080'`,
  `url('https://[::1]:80/').getHostname() == '::1'`,
  `url('https://example.com:8080/a/b?x=1').getPort() == '8080'`,
  `url('https://example.com/a%20b').getEscapedPath() == '/a%20b'`,
  `url('https://e.com/?k=a&k=b').getQuery() == {'k': ['a', 'b']}`,
  `url('/path').getScheme() == ''`,
  `isIP('10.0.0.1') && isIP('2001:db8::1') && !isIP('10.0.0.256') && !isIP('host')`,
  `ip('127.0.0.1').isLoopback() && ip('::1').isLoopback() && ip('10.0.0.1').isGlobalUnicast()`,
  `ip('169.254.1.1').isLinkLocalUnicast() && ip('0.0.0.0').isUnspecified()`,
  `ip('::1').family() == 6 && ip('1.2.3.4').family() == 4`,
  `ip.isCanonical('2001:db8::1') && !ip.isCanonical('2001:DB8::0:1')`,
  `isCIDR('10.0.0.0/8') && !isCIDR('10.0.0.0/33')`,
  `cidr('192.168.0.0/24').containsIP('192.168.0.7') && !cidr('192.168.0.0/24').containsIP(ip('192.168.1.7'))`,
  `cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.1.0.0/16').containsCIDR(cidr('10.0.0.0/8'))`,
  `string(cidr('10.1.2.3/8').masked()) == '10.0.0.0/8' && cidr('10.0.0.0/8').prefixLength() == 8`,
  `quantity('1Gi').isGreaterThan(quantity('1000M')) && quantity('500m').add(quantity('0.5')).compareTo(quantity('1')) == 0`,
  `quantity('50k').asInteger() == 50000 && !quantity('50m').isInteger() && quantity('-1').sign() == -1`,
  `isQuantity('20Mi') && !isQuantity('20Mii')`,
  `'abc 123 def 45'.find('[0-9]+') == '123' && 'abc'.find('[0-9]+') == ''`,
  `'1 2 3'.findAll('[0-9]') == ['1', '2', '3'] && '1 2 3'.findAll('[0-9]', 1) == ['1']`,
  `[1, 2, 2].isSorted() && !['b', 'a'].isSorted()`,
  `[1, 2, 3].sum() == 6 && [1.5, 1.5].sum() == 3.0 && [3, 1].min() == 1 && ['a', 'b'].max() == 'b'`,
  `[1, 2, 1].indexOf(1) == 0 && [1, 2, 1].lastIndexOf(1) == 2 && [1].indexOf(5) == -1`,
  `sets.contains([1, 2], [2]) && sets.equivalent([1, 2], [2, 1, 1]) && !sets.intersects([1], [2])`,
  `!format.dns1123Label().validate('my-name').hasValue() && format.dns1123Label().validate('My.Name').value().size() == 1`,
  `format.named('dns1123Subdomain').hasValue() && !format.named('nothing').hasValue()`,
  `semver('1.2.3').isLessThan(semver('1.10.0')) && semver('1.0.0-rc.1').isLessThan(semver('1.0.0')) && !isSemver('v1')`,
  `optional.of(1).orValue(2) == 1 && optional.none().orValue(2) == 2`,
  `'a,b'.split(',').size() == 2 && 'Abc'.lowerAscii() == 'abc' && ' x '.trim() == 'x'`,
  `duration('1h') > duration('59m') && 'aaa'.matches('^a{3}$')`,
  `matches('a-rc1', '-(rc)') && !matches('abc', '^b')`,
]

for (const expression of TRUE) {
  test(`CEL: ${expression}`, () => assert.equal(evaluate(expression), true))
}

test('conversions of texts that are nothing of the kind are errors', () => {
  for (const expression of [
    `ip('x')`,
    `cidr('x')`,
    `url('x')`,
    `quantity('x')`,
    `[].min()`,
    `'a'.matches('(')`,
  ]) {
    assert.ok(evaluate(expression) instanceof Error, expression)
  }
})

test('a text that is no duration is an error in the words of the API server, the empty text too', () => {
  for (const text of ['', '+', 'x', '1', '5 s', '.s', '1d', '9223372036854775808ns']) {
    const result = evaluate(`duration('${text}') >= duration('0')`)
    assert.ok(result instanceof Error, text)
    assert.equal(result.message, "type conversion error from 'string' to 'google.protobuf.Duration'")
  }
})

test('durations are exact to the nanosecond', () => {
  for (const [text, same] of [
    ['-1.5h', '-90m'],
    ['.5s', '500ms'],
    ['1.s', '1000ms'],
    ['2562047h47m16.854775807s', '9223372036854775807ns'],
    ['+0', '0s'],
    ['1µs', '1000ns'],
  ]) {
    assert.equal(evaluate(`duration('${text}') == duration('${same}')`), true, text)
  }
  assert.equal(evaluate(`duration('1000h1ns') > duration('1000h')`), true)
})

test('a missing field is named as the API server names it', () => {
  const result = evaluate(`{'a': 1}.b == 1`)
  assert.ok(result instanceof Error)
  assert.equal(result.message, 'no such key: b')
})

test('a program knows whether it reads oldSelf and how deep its loops are nested', () => {
  const shapeOf = (expression: string) => {
    const planned = programs.get(expression)
    return planned.kind === 'program' && [planned.program.usesOldSelf, planned.program.loopDepth]
  }
  assert.deepEqual(shapeOf('self == oldSelf'), [true, 0])
  assert.deepEqual(shapeOf('self.all(a, self.exists(b, a == b)) && self.all(c, c > 0)'), [false, 2])
})
