import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Deployment, Service } from '../../kube/index.ts'
import type { ProxySettings } from '../injection/index.ts'
import type { GatewayDeployment } from '../translate/index.ts'
import { gatewayObjects } from './objects.ts'

const settings: ProxySettings = {
  revision: 'default',
  istioNamespace: 'istio-system',
  clusterId: 'Kubernetes',
  clusterDomain: 'cluster.local',
  trustDomain: 'cluster.local',
  proxyImage: 'proxy',
  initImage: 'proxy',
  logLevel: 'warning',
  componentLogLevel: '',
  resources: {},
  rewritesAppProbes: true,
  proxyConfig: {},
  ignoredNamespaces: [],
}

const wanted: GatewayDeployment = {
  key: 'demo/gw',
  namespace: 'demo',
  name: 'gw-istio',
  serviceAccount: 'gw-istio',
  gateway: {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'gw', namespace: 'demo', uid: 'u' },
    spec: { gatewayClassName: 'istio', listeners: [] },
  },
  ports: [{ name: 'http', port: 80, protocol: 'TCP', appProtocol: 'http' }],
  labels: {},
  annotations: {},
  serviceType: 'LoadBalancer',
}

test('what a Gateway’s owner gives is laid over what is deployed, list by list', () => {
  const overlays = {
    deployment: {
      metadata: { name: 'mine', labels: { team: 'a', 'gateway.networking.k8s.io/gateway-name': 'other' } },
      spec: {
        replicas: 3,
        template: { spec: { containers: [{ name: 'istio-proxy', env: [{ name: 'A' }] }] } },
      },
    },
    service: { spec: { ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }] } },
  }
  const [, deployment, service] = gatewayObjects({ ...wanted, overlays }, settings) as [
    unknown,
    Deployment,
    Service,
  ]
  const [, plain] = gatewayObjects(wanted, settings) as [unknown, Deployment]
  const [proxy] = deployment.spec.template.spec?.containers ?? []
  assert.equal(deployment.spec.replicas, 3)
  assert.equal(proxy?.image, 'proxy')
  assert.ok(proxy?.env?.some(({ name }) => name === 'A'))
  assert.ok((proxy?.env?.length ?? 0) > 1, 'its own variables stay')
  // Whose it is and what it is called is not the overlay's to say.
  assert.equal(deployment.metadata.name, 'gw-istio')
  assert.deepEqual(deployment.metadata.labels, { ...plain.metadata.labels, team: 'a' })
  assert.deepEqual(deployment.metadata.ownerReferences, plain.metadata.ownerReferences)
  assert.deepEqual(service.spec.ports, [
    { name: 'http', port: 80, protocol: 'TCP', appProtocol: 'http', nodePort: 30080 },
  ])
})

test('ProxyConfigs give the proxies of a Gateway their variables, by namespace and labels', () => {
  const of = (
    name: string,
    more: { readonly namespace?: string; readonly labels?: Record<string, string> },
  ) => ({
    labels: {},
    createdAt: '',
    name,
    environment: { [name]: 'given' },
    ...more,
  })
  const proxyConfigs = [
    of('MESH', {}),
    of('OWN', { namespace: 'demo', labels: { 'gateway.networking.k8s.io/gateway-name': 'gw' } }),
    of('OTHER', { namespace: 'demo', labels: { 'gateway.networking.k8s.io/gateway-name': 'another' } }),
    of('ELSEWHERE', { namespace: 'shop' }),
  ]
  const [, deployment] = gatewayObjects(wanted, { ...settings, proxyConfigs }) as [unknown, Deployment]
  const [proxy] = deployment.spec.template.spec?.containers ?? []
  const names = proxy?.env?.filter(({ value }) => value === 'given').map(({ name }) => name)
  assert.deepEqual(names, ['MESH', 'OWN'])
})
