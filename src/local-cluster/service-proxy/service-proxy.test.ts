import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import type { EndpointSlice, Service } from '../../kube/index.ts'
import { ruleSetFor } from './rules.ts'
import { changeScript, fullScript } from './script.ts'

const network = { bridge: 'lateen0', podCidr: '10.42.0.0/16', virtualCidrs: ['10.43.0.0/16', '10.44.0.0/24'] }
const canUseNetns = process.getuid?.() === 0

test('a Service without ready endpoints is refused, one with two is shared out', () => {
  const rules = ruleSetFor(
    [service('a', '10.43.0.5'), service('b', '10.43.0.6')],
    [slice('a', ['10.42.0.2', '10.42.0.3']), slice('b', [])],
  )
  assert.equal(rules.addresses.get('10.43.0.6 . tcp . 80'), 'refuse')
  const chain = rules.addresses.get('10.43.0.5 . tcp . 80') ?? ''
  assert.match(rules.chains.get(chain)?.[0] ?? '', /numgen random mod 2/)
  assert.equal(rules.chains.size, 3)
})

test('an endpoint that is not ready gets no connections', () => {
  const rules = ruleSetFor([service('a', '10.43.0.5')], [slice('a', ['10.42.0.2'], false)])
  assert.equal(rules.addresses.get('10.43.0.5 . tcp . 80'), 'refuse')
})

test('nothing changed, nothing is written', () => {
  const rules = ruleSetFor([service('a', '10.43.0.5')], [slice('a', ['10.42.0.2'])])
  assert.equal(changeScript(rules, ruleSetFor([service('a', '10.43.0.5')], [slice('a', ['10.42.0.2'])])), '')
})

test(
  'the kernel takes the whole table and each change of it, and a change ends where a fresh start would',
  { skip: !canUseNetns && 'needs root' },
  () => {
    const steps = [
      ruleSetFor([service('a', '10.43.0.5')], []),
      ruleSetFor(
        [service('a', '10.43.0.5'), service('b', '10.43.0.6')],
        [slice('a', ['10.42.0.2', '10.42.0.3'])],
      ),
      ruleSetFor([service('a', '10.43.0.5')], [slice('a', ['10.42.0.3'])]),
      ruleSetFor([], []),
    ]
    const first = steps[0]
    assert.ok(first)
    const scripts = [
      fullScript(first, network),
      ...steps.slice(1).map((step, index) => changeScript(steps[index] ?? step, step)),
    ]
    const changed = listTable(scripts)
    const last = steps.at(-1)
    assert.ok(last)
    assert.equal(changed, listTable([fullScript(last, network)]))
  },
)

/** Applies the scripts in a network namespace of its own, which goes with the command. */
function listTable(scripts: readonly string[]): string {
  const files = scripts.map((script) => `nft -f - <<'END'\n${script}\nEND`)
  return execFileSync('unshare', ['--net', 'sh', '-ec', `${files.join('\n')}\nnft list ruleset`], {
    encoding: 'utf8',
  })
}

function service(name: string, clusterIP: string): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'demo' },
    spec: { clusterIP, ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 }] },
  }
}

function slice(name: string, addresses: readonly string[], ready = true): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-x`, namespace: 'demo', labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready } })),
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  }
}
