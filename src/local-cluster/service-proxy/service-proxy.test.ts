import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import type { Endpoint } from '../../kube/index.ts'
import { balanced, NETWORK, NETWORK6, NODE, rulesOf, service, slice, sliceOf } from './testing.ts'
import { changeScript, fullScript } from './script.ts'

const canUseNetns = process.getuid?.() === 0

test('a Service without ready endpoints is refused, one with two is shared out', () => {
  const rules = rulesOf(
    [service('a', '10.43.0.5'), service('b', '10.43.0.6')],
    [slice('a', ['10.42.0.2', '10.42.0.3']), slice('b', [])],
  )
  assert.equal(rules.addresses.get('10.43.0.6 . tcp . 80'), 'refuse')
  const chain = rules.addresses.get('10.43.0.5 . tcp . 80') ?? ''
  assert.match(rules.chains.get(chain)?.[0] ?? '', /numgen random mod 2/)
  assert.equal(rules.chains.size, 3)
})

test('an endpoint that is not ready gets no connections', () => {
  const rules = rulesOf([service('a', '10.43.0.5')], [slice('a', ['10.42.0.2'], false)])
  assert.equal(rules.addresses.get('10.43.0.5 . tcp . 80'), 'refuse')
})

test('the last endpoints serve while they end; with a ready one they do not', () => {
  const ending = { addresses: ['10.42.0.2'], conditions: { ready: false, serving: true, terminating: true } }
  const ready = { addresses: ['10.42.0.3'], conditions: { ready: true, serving: true, terminating: false } }
  const gone = { addresses: ['10.42.0.4'], conditions: { ready: false, serving: false, terminating: true } }
  const endpointsFor = (endpoints: readonly Endpoint[]) =>
    [...rulesOf([service('a', '10.43.0.5')], [sliceOf('a', endpoints)]).chains.values()]
      .flat()
      .flatMap((rule) => /dnat to (.*)$/.exec(rule)?.[1] ?? [])
  assert.deepEqual(endpointsFor([ending, gone]), ['10.42.0.2:8080'])
  assert.deepEqual(endpointsFor([ending, ready, gone]), ['10.42.0.3:8080'])
})

test('internalTrafficPolicy Local leads to endpoints of this node, and nowhere if there are others only', () => {
  const there = { addresses: ['10.42.0.9'], nodeName: 'there' }
  const here = { addresses: ['10.42.0.2'], nodeName: NODE }
  const local = service('a', '10.43.0.5', { internalTrafficPolicy: 'Local' })
  const both = rulesOf([local], [sliceOf('a', [there, here])])
  assert.match([...both.chains.values()].flat().join(), /dnat to 10\.42\.0\.2:8080/)
  assert.doesNotMatch([...both.chains.values()].flat().join(), /10\.42\.0\.9/)
  const others = rulesOf([local], [sliceOf('a', [there])])
  assert.equal(others.addresses.get('10.43.0.5 . tcp . 80'), 'discard')
  assert.equal(rulesOf([local], []).addresses.get('10.43.0.5 . tcp . 80'), 'refuse')
})

test('a load balancer’s address that wants its proxy to be passed is not taken', () => {
  const lb = service('a', '10.43.0.5', { type: 'LoadBalancer' })
  const ingress = [{ ip: '10.44.0.1', ipMode: 'Proxy' }, { ip: '10.44.0.2' }]
  const rules = rulesOf([{ ...lb, status: { loadBalancer: { ingress } } }], [slice('a', ['10.42.0.2'])])
  assert.equal(rules.addresses.has('10.44.0.1 . tcp . 80'), false)
  assert.equal(rules.addresses.has('10.44.0.2 . tcp . 80'), true)
})

test('ExternalName and headless Services have no rules: names alone lead to them', () => {
  const rules = rulesOf(
    [
      service('a', '', { type: 'ExternalName', externalName: 'example.com' }),
      service('b', 'None', { ports: [{ name: 'http', port: 80 }] }),
    ],
    [slice('b', ['10.42.0.2'])],
  )
  assert.deepEqual([rules.chains.size, rules.addresses.size], [0, 0])
})

test('nothing changed, nothing is written', () => {
  const rules = rulesOf([service('a', '10.43.0.5')], [slice('a', ['10.42.0.2'])])
  assert.equal(changeScript(rules, rulesOf([service('a', '10.43.0.5')], [slice('a', ['10.42.0.2'])])), '')
})

test('a Service of both families has rules in both tables, one of IPv4 in its own alone', () => {
  const both = service('a', '10.43.0.5', { clusterIPs: ['10.43.0.5', 'fd00:10:43::5'] })
  const single = service('b', '10.43.0.6')
  const slices = [slice('a', ['10.42.0.2']), slice('a', ['fd00:10:42::2'])]
  const rules = rulesOf([both, single], slices, 'ip6')
  assert.deepEqual([...rules.addresses.keys()], ['fd00:10:43::5 . tcp . 80'])
  assert.match([...rules.chains.values()].flat().join(), /dnat to \[fd00:10:42::2\]:8080/)
  assert.deepEqual(
    [...rulesOf([both, single], slices).addresses.keys()],
    ['10.43.0.5 . tcp . 80', '10.43.0.6 . tcp . 80'],
  )
})

test(
  'the kernel takes the whole table and each change of it, and a change ends where a fresh start would',
  { skip: !canUseNetns && 'needs root' },
  () => {
    const steps = [
      rulesOf([service('a', '10.43.0.5')], []),
      rulesOf(
        [service('a', '10.43.0.5'), service('b', '10.43.0.6')],
        [slice('a', ['10.42.0.2', '10.42.0.3'])],
      ),
      rulesOf(
        [service('a', '10.43.0.5', { sessionAffinity: 'ClientIP', externalTrafficPolicy: 'Local' })],
        [slice('a', ['10.42.0.2', '10.42.0.3'])],
      ),
      rulesOf([service('a', '10.43.0.5')], [slice('a', ['10.42.0.3'])]),
      rulesOf([], []),
    ]
    const first = steps[0]
    assert.ok(first)
    const scripts = [
      fullScript(first, NETWORK),
      ...steps.slice(1).map((step, index) => changeScript(steps[index] ?? step, step)),
    ]
    const changed = listTable(scripts)
    const last = steps.at(-1)
    assert.ok(last)
    assert.equal(changed, listTable([fullScript(last, NETWORK)]))
  },
)

test('the kernel takes the table of IPv6 and its changes', { skip: !canUseNetns && 'needs root' }, () => {
  const ports = [{ name: 'http', port: 80, targetPort: 8080, nodePort: 30_080 }]
  const web = (spec: object) =>
    service('web', 'fd00:10:43::5', {
      type: 'LoadBalancer',
      ports,
      loadBalancerSourceRanges: ['10.0.0.0/8', 'fd00::/8'],
      ...spec,
    })
  const rules = rulesOf(
    [balanced(web({ sessionAffinity: 'ClientIP', externalTrafficPolicy: 'Local' }), 'fd00:10:44::1')],
    [
      sliceOf('web', [
        { addresses: ['fd00:10:42::2'], nodeName: NODE },
        { addresses: ['fd00:10:42::9'], nodeName: 'there' },
      ]),
    ],
    'ip6',
  )
  const none = rulesOf([], [], 'ip6')
  const table = listTable([fullScript(none, NETWORK6), changeScript(none, rules)])
  assert.match(table, /elements = \{ tcp \. 30080 \}/)
  assert.equal(
    listTable([fullScript(rules, NETWORK6), changeScript(rules, none)]),
    listTable([fullScript(none, NETWORK6)]),
  )
})

/** Applies the scripts in a network namespace of its own, which goes with the command. */
function listTable(scripts: readonly string[]): string {
  const files = scripts.map((script) => `nft -f - <<'END'\n${script}\nEND`)
  return execFileSync('unshare', ['--net', 'sh', '-ec', `${files.join('\n')}\nnft list ruleset`], {
    encoding: 'utf8',
  })
}
