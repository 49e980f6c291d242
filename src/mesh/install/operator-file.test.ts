import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planInstallation } from './installation.ts'
import { parseOperatorFile } from './operator-file.ts'
import { settingAt } from './settings.ts'

const HEAD = 'apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\n'

function read(text: string) {
  const parsed = parseOperatorFile(text)
  assert.ok(parsed.ok, JSON.stringify(parsed))
  return parsed.value
}

function refused(text: string, message: RegExp): void {
  const parsed = parseOperatorFile(text)
  assert.ok(!parsed.ok, text)
  assert.match(parsed.error.map((violation) => `${violation.path}: ${violation.message}`).join('\n'), message)
}

test('a file says what --set says, and --set goes over it', () => {
  const file = read(`${HEAD}metadata: { namespace: mesh }
spec:
  profile: minimal
  revision: canary
  meshConfig: { accessLogFile: /dev/stdout, trustDomainAliases: [old.example] }
  components:
    cni: { enabled: false }
    pilot: { enabled: true, k8s: { replicaCount: 2, resources: { requests: { cpu: 10m } } } }
    ingressGateways: [{ name: istio-ingressgateway, enabled: true, k8s: { serviceAnnotations: { a.b/c: d } } }]
`)
  const planned = planInstallation({
    files: [file],
    set: ['meshConfig.accessLogFile=/dev/stderr'],
    version: '0.1.0',
  })
  assert.ok(planned.ok)
  const { namespace, revision, profile, components, settings } = planned.value
  assert.deepEqual(
    [namespace, revision, profile, components],
    ['mesh', 'canary', 'minimal', ['base', 'pilot', 'ingress']],
  )
  assert.equal(settingAt(settings, 'meshConfig.accessLogFile'), '/dev/stderr')
  assert.equal(settingAt(settings, 'meshConfig.trustDomainAliases[0]'), 'old.example')
  assert.equal(settingAt(settings, 'values.pilot.replicaCount'), 2)
  assert.equal(settingAt(settings, 'values.pilot.resources.requests.cpu'), '10m')
  assert.equal(JSON.stringify(settings).includes('"a.b/c":"d"'), true)
})

test('the documents of a file are laid over each other; empty ones say nothing', () => {
  const file = read(
    `---\n${HEAD}spec: { tag: one, hub: here }\n---\n# nothing\n---\n${HEAD}spec: { tag: two }\n`,
  )
  assert.deepEqual(file, { tag: 'two', hub: 'here' })
})

test('what cannot be understood is refused with its path', () => {
  refused('kind: Pod', /kind: must be IstioOperator/)
  refused('a: [', /YAML: /)
  refused(`${HEAD}spec: { values: { pilott: { image: x } } }`, /values\.pilott\.image: is not a setting/)
  refused(
    `${HEAD}spec: { components: { cni: { enabled: true } } }`,
    /components\.cni\.enabled: is no part of this mesh and can only be false/,
  )
  refused(
    `${HEAD}spec: { components: { ingressGateways: [{ name: mine, enabled: true }] } }`,
    /"mine" cannot be made here: only istio-ingressgateway; write a Gateway object/,
  )
})
