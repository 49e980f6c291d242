import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatLabelSelector, matchesLabels, parseFieldSelector, parseLabelSelector } from './selector.ts'

const LABELS = { app: 'web', tier: 'front', count: '3' }

function matches(text: string): boolean {
  const parsed = parseLabelSelector(text)
  assert.ok(parsed.ok, text)
  return parsed.value.matches(LABELS)
}

test('label selectors select', () => {
  for (const text of [
    '',
    'app=web',
    'app==web,tier=front',
    'app in (api, web)',
    'app notin (api)',
    'app',
    '!canary',
    'version!=v1',
    'count>2',
    'count<4',
  ]) {
    assert.equal(matches(text), true, text)
  }
  for (const text of [
    'app=api',
    'canary',
    '!app',
    'app notin (web)',
    'app!=web',
    'version in (v1)',
    'count>3',
    'app=',
  ]) {
    assert.equal(matches(text), false, text)
  }
})

test('texts that are no label selector are refused', () => {
  for (const text of ['app in web', '=', 'a b', 'app=we b', 'app=a/b', 'count>x', '-a=b', 'app in (a']) {
    assert.equal(parseLabelSelector(text).ok, false, text)
  }
})

test('what is wrong with a selector is said in Kubernetes’ words', () => {
  for (const [text, message] of [
    ['app in (a', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['app in a', "unable to parse requirement: found 'a' expected: '('"],
    ['app in (=)', "unable to parse requirement: found '=', expected: ',', ')' or identifier"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['app=a,,', "found ',', expected: identifier after ','"],
    ['app=a,', "found '', expected: identifier after ','"],
    ['=a', "found '=', expected: !, identifier, or 'end of string'"],
    ['app=a b', "found 'b', expected: ',' or 'end of string'"],
    ['app==!', "unable to parse requirement: found '!', expected: identifier"],
    ['!!app', "unable to parse requirement: found '!', expected: identifier"],
    ['!app=a', "found '=', expected: ',' or 'end of string'"],
  ] as const) {
    const parsed = parseLabelSelector(text)
    assert.equal(parsed.ok ? undefined : parsed.error, message, text)
  }
})

test('words of operators may be keys and values, and values may be empty', () => {
  const requirements = (text: string) => {
    const parsed = parseLabelSelector(text)
    return parsed.ok ? parsed.value.requirements : parsed.error
  }
  assert.deepEqual(requirements('in in (notin,in)'), [{ key: 'in', operator: 'in', values: ['in', 'notin'] }])
  assert.deepEqual(requirements('a in (),b=,c!=d'), [
    { key: 'a', operator: 'in', values: [''] },
    { key: 'b', operator: 'in', values: [''] },
    { key: 'c', operator: 'notin', values: ['d'] },
  ])
  assert.deepEqual(requirements('a in (,x,)'), [{ key: 'a', operator: 'in', values: ['', 'x'] }])
})

test('the object form matches, an absent selector nothing, an empty one everything', () => {
  assert.equal(matchesLabels(undefined, LABELS), false)
  assert.equal(matchesLabels({}, undefined), true)
  assert.equal(matchesLabels({ matchLabels: { app: 'web' } }, LABELS), true)
  assert.equal(matchesLabels({ matchLabels: { constructor: 'x' } }, LABELS), false)
  const expressions = [
    { key: 'tier', operator: 'NotIn', values: ['back'] },
    { key: 'x', operator: 'DoesNotExist' },
  ] as const
  assert.equal(matchesLabels({ matchExpressions: expressions }, LABELS), true)
  assert.equal(
    formatLabelSelector({ matchLabels: { b: 'c', a: 'b' }, matchExpressions: expressions }),
    'a=b,b=c,tier notin (back),!x',
  )
})

test('field selectors select', () => {
  const pod = {
    metadata: { name: 'a', namespace: 'demo' },
    spec: { nodeName: 'n' },
    status: { phase: 'Running' },
  }
  const select = (text: string) => {
    const parsed = parseFieldSelector(text)
    assert.ok(parsed.ok, text)
    return parsed.value.matches(pod)
  }
  assert.equal(select('metadata.name=a,status.phase!=Failed'), true)
  assert.equal(select('spec.nodeName==m'), false)
  assert.equal(select('spec.host='), true)
  assert.equal(parseFieldSelector('nonsense').ok, false)
})

test('a field that is absent is selected by its zero', () => {
  const select = (text: string, object: object) => {
    const parsed = parseFieldSelector(text)
    assert.ok(parsed.ok, text)
    return parsed.value.matches(object)
  }
  assert.equal(select('status.successful=0', { kind: 'Job', status: {} }), true)
  assert.equal(select('status.successful=2', { kind: 'Job', status: { succeeded: 2 } }), true)
  assert.equal(select('spec.unschedulable=false', { kind: 'Node', spec: {} }), true)
  assert.equal(select('spec.unschedulable=', { kind: 'Thing', spec: {} }), true)
})
