import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parse } from 'yaml'
import type {
  ConfigMap,
  Deployment,
  KubeObject,
  MutatingWebhookConfiguration,
  Service,
} from '../../kube/index.ts'
import { kindOf } from '../kinds.ts'
import { planInstallation } from './installation.ts'
import { PROFILES } from './profile.ts'
import { renderInstallation } from './render.ts'

const plan = (...set: readonly string[]) => planInstallation({ set, version: '0.1.0' })

function render(...set: readonly string[]): readonly KubeObject[] {
  const planned = plan(...set)
  assert.ok(planned.ok, JSON.stringify(planned))
  return renderInstallation(planned.value).flatMap((part) => part.objects)
}

function find(objects: readonly KubeObject[], kind: string, name: string): KubeObject {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name)
  assert.ok(found, `${kind}/${name}`)
  return found
}

describe('settings', () => {
  test('the article’s command lines are understood', () => {
    assert.ok(plan('profile=default', 'values.global.platform=k3s').ok)
    assert.ok(plan('profile=demo').ok)
  })

  const refused = (setting: string, message: RegExp) => {
    const planned = plan(setting)
    assert.ok(!planned.ok, setting)
    assert.match(
      planned.error.map((violation) => `${violation.path}: ${violation.message}`).join('\n'),
      message,
    )
  }

  test('what is unknown is refused with a hint', () => {
    refused(
      'values.global.plattform=k3s',
      /values\.global\.plattform: is not a setting; did you mean values\.global\.platform\?/,
    )
    refused('meshConfig.platform=x', /did you mean values\.global\.platform\?/)
    refused('profile=ambient', /"ambient" is not a profile of this program: default, demo, minimal, empty/)
    refused('values.global.platform=k4s', /"k4s" is not one of/)
    refused('profile', /must be path=value/)
  })

  test('a value of the wrong kind is refused before anything is applied', () => {
    refused('values.pilot.replicaCount=many', /replicaCount: "many" is not a whole number/)
    refused('values.pilot.autoscaleEnabled=1', /autoscaleEnabled: "1" is not true or false/)
    refused('meshConfig.accessLogEncoding=XML', /"XML" is not one of JSON, TEXT/)
    refused('values.gateways.istio-ingressgateway.type=Public', /"Public" is not one of ClusterIP/)
    assert.ok(
      plan('values.pilot.env.replicaCount=many').ok,
      'names of environment variables are the user’s own',
    )
  })

  test('an environment variable of the user’s goes over the one of the same name', () => {
    const env = (find(render('values.pilot.env.CLUSTER_ID=mine'), 'Deployment', 'istiod') as Deployment).spec
      .template.spec.containers[0]?.env
    assert.deepEqual(
      env?.filter(({ name }) => name === 'CLUSTER_ID'),
      [{ name: 'CLUSTER_ID', value: 'mine' }],
    )
  })

  test('numbered members are a list', () => {
    const objects = render(
      'meshConfig.extensionProviders[1].name=second',
      'meshConfig.extensionProviders[0].name=first',
      'meshConfig.trustDomainAliases[0]=old.example',
    )
    const mesh = parse((find(objects, 'ConfigMap', 'istio') as ConfigMap).data?.['mesh'] ?? '')
    assert.deepEqual(mesh.extensionProviders, [{ name: 'first' }, { name: 'second' }])
    assert.deepEqual(mesh.trustDomainAliases, ['old.example'])
  })

  test('a mesh setting ends up in the mesh’s ConfigMap', () => {
    const objects = render(
      'meshConfig.accessLogFile=/dev/stdout',
      'meshConfig.outboundTrafficPolicy.mode=REGISTRY_ONLY',
    )
    const mesh = parse((find(objects, 'ConfigMap', 'istio') as ConfigMap).data?.['mesh'] ?? '')
    assert.equal(mesh.accessLogFile, '/dev/stdout')
    assert.equal(mesh.outboundTrafficPolicy.mode, 'REGISTRY_ONLY')
    assert.equal(mesh.defaultConfig.discoveryAddress, 'istiod.istio-system.svc:15012')
  })

  test('hub, tag and resources can be chosen', () => {
    const objects = render('hub=example.com/mesh', 'tag=9.9', 'values.pilot.resources.requests.cpu=10m')
    const container = (find(objects, 'Deployment', 'istiod') as Deployment).spec.template.spec.containers[0]
    assert.equal(container?.image, 'example.com/mesh/pilot:9.9')
    assert.deepEqual(container?.resources?.requests, { cpu: '10m', memory: '2048Mi' })
  })
})

describe('objects', () => {
  test('each is of a known kind, named once, and labelled for its removal', () => {
    for (const profile of PROFILES) {
      const objects = render(`profile=${profile}`)
      const names = objects.map(
        ({ kind, metadata }) => `${kind}/${metadata.namespace ?? ''}/${metadata.name}`,
      )
      assert.equal(new Set(names).size, names.length)
      for (const object of objects) {
        assert.ok(kindOf(object))
        assert.ok(object.metadata.labels?.['operator.istio.io/component'], object.metadata.name)
      }
    }
  })

  test('the default profile has the rows of `kubectl get all -n istio-system`', () => {
    const objects = render('profile=default')
    const rows = objects
      .filter(({ kind }) => ['Service', 'Deployment', 'HorizontalPodAutoscaler'].includes(kind))
      .map(({ kind, metadata }) => `${kind}/${metadata.name}`)
    assert.deepEqual(rows.sort(), [
      'Deployment/istio-ingressgateway',
      'Deployment/istiod',
      'HorizontalPodAutoscaler/istio-ingressgateway',
      'HorizontalPodAutoscaler/istiod',
      'Service/istio-ingressgateway',
      'Service/istiod',
      'Service/istiod-revision-tag-default',
    ])
    const ports = (name: string) =>
      (find(objects, 'Service', name) as Service).spec.ports?.map(({ port }) => port)
    assert.deepEqual(ports('istiod'), [15010, 15012, 443, 15014])
    assert.deepEqual(ports('istio-ingressgateway'), [15021, 80, 443])
    assert.equal((find(objects, 'Service', 'istio-ingressgateway') as Service).spec.type, 'LoadBalancer')
  })

  test('minimal has no gateway, empty has nothing, demo has an egress gateway and no autoscalers', () => {
    assert.ok(!render('profile=minimal').some(({ metadata }) => metadata.name === 'istio-ingressgateway'))
    assert.deepEqual(render('profile=empty'), [])
    const demo = render('profile=demo')
    find(demo, 'Deployment', 'istio-egressgateway')
    assert.ok(!demo.some(({ kind }) => kind === 'HorizontalPodAutoscaler'))
  })

  test('a pod is asked about once: the revision’s webhooks rest while the tag’s work', () => {
    const objects = render('profile=default')
    const webhooks = (name: string) =>
      (find(objects, 'MutatingWebhookConfiguration', name) as MutatingWebhookConfiguration).webhooks ?? []
    for (const webhook of webhooks('istio-sidecar-injector')) {
      assert.deepEqual(webhook.namespaceSelector?.matchLabels, { 'istio.io/deactivated': 'never-match' })
    }
    const active = webhooks('istio-revision-tag-default').map(({ name }) => name)
    assert.deepEqual(active, [
      'rev.namespace.sidecar-injector.istio.io',
      'rev.object.sidecar-injector.istio.io',
      'namespace.sidecar-injector.istio.io',
      'object.sidecar-injector.istio.io',
    ])
  })

  test('a named revision stands beside the default one', () => {
    const planned = planInstallation({ set: [], revision: 'canary', version: '0.1.0' })
    assert.ok(planned.ok)
    const objects = renderInstallation(planned.value).flatMap((part) => part.objects)
    find(objects, 'Deployment', 'istiod-canary')
    find(objects, 'MutatingWebhookConfiguration', 'istio-sidecar-injector-canary')
    find(objects, 'ConfigMap', 'istio-canary')
    assert.ok(!objects.some(({ metadata }) => metadata.name === 'istio-revision-tag-default'))
  })
})
