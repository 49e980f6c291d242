import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resourceInfosOf } from '../definition.ts'
import { BUILT_IN_KINDS } from '../kinds.ts'
import type { ResourceInfo } from '../kind-info.ts'
import type { KubeObject } from '../object.ts'
import type { CustomResourceDefinition } from '../types/extension.ts'
import { tableFor } from './table.ts'

const NOW = Date.parse('2026-01-01T12:00:00Z')
const CREATED = '2026-01-01T05:33:00Z'
const META = { name: 'x', creationTimestamp: CREATED }

function infoOf(kind: string, group = ''): ResourceInfo {
  return BUILT_IN_KINDS.find((info) => info.kind === kind && info.group === group) ?? assert.fail(kind)
}

/** The row that kubectl prints without -o wide. */
function row(info: ResourceInfo, object: object): readonly unknown[] {
  const table = tableFor(info, [object as KubeObject], NOW)
  const shown = table.columnDefinitions.map((column) => column.priority === 0)
  return table.rows[0]?.cells.filter((_, index) => shown[index]) ?? []
}

test('every stored kind has as many cells as columns', () => {
  const spec = {
    containers: [],
    template: { spec: { containers: [] } },
    jobTemplate: {},
    scaleTargetRef: {},
    ports: [],
  }
  const fields = { endpoints: [], involvedObject: {}, roleRef: {}, subjects: [] }
  for (const info of BUILT_IN_KINDS.filter((it) => it.stored)) {
    const object = { apiVersion: 'v1', kind: info.kind, metadata: META, spec, ...fields }
    const table = tableFor(info, [object], NOW)
    assert.equal(table.rows[0]?.cells.length, table.columnDefinitions.length, info.kind)
    assert.equal(
      table.rows[0]?.cells[
        info.kind === 'Event' ? table.columnDefinitions.findIndex((it) => it.name === 'Name') : 0
      ],
      'x',
    )
  }
})

const state = (word: 'waiting' | 'running' | 'terminated', content: object = {}) => ({
  state: { [word]: content },
})
const status = (name: string, rest: object) => ({
  name,
  ready: false,
  restartCount: 0,
  image: '',
  imageID: '',
  ...rest,
})

interface PodParts {
  readonly init?: readonly object[]
  readonly initStatuses?: readonly object[]
  readonly statuses?: readonly object[]
  readonly phase?: string
  readonly meta?: object
  readonly conditions?: readonly object[]
}

function podRow(parts: PodParts): readonly unknown[] {
  return row(infoOf('Pod'), {
    metadata: { ...META, ...parts.meta },
    spec: { containers: [{ name: 'a' }], initContainers: parts.init },
    status: {
      phase: parts.phase ?? 'Pending',
      initContainerStatuses: parts.initStatuses,
      containerStatuses: parts.statuses,
      conditions: parts.conditions,
    },
  })
}

const RUNNING = status('a', { ready: true, ...state('running') })

test('a running pod, with a native sidecar counted in READY', () => {
  assert.deepEqual(podRow({ phase: 'Running', statuses: [RUNNING] }), ['x', '1/1', 'Running', '0', '6h27m'])
  const sidecar = { name: 'istio-proxy', restartPolicy: 'Always' }
  const started = status('istio-proxy', { ready: true, started: true, ...state('running') })
  assert.deepEqual(
    podRow({ phase: 'Running', init: [sidecar], initStatuses: [started], statuses: [RUNNING] }),
    ['x', '2/2', 'Running', '0', '6h27m'],
  )
  const starting = status('istio-proxy', { started: false, ...state('running') })
  assert.equal(
    podRow({
      init: [sidecar],
      initStatuses: [starting],
      statuses: [status('a', state('waiting', { reason: 'PodInitializing' }))],
    })[2],
    'Init:0/1',
  )
})

test('a pod that starts or fails to shows why', () => {
  const waiting = (reason: string) => podRow({ statuses: [status('a', state('waiting', { reason }))] })[2]
  for (const reason of [
    'ContainerCreating',
    'ErrImagePull',
    'ImagePullBackOff',
    'CrashLoopBackOff',
    'PodInitializing',
  ])
    assert.equal(waiting(reason), reason)
  const init = [{ name: 'i' }, { name: 'j' }]
  assert.equal(
    podRow({ init, initStatuses: [status('i', state('running')), status('j', state('waiting'))] })[2],
    'Init:0/2',
  )
  const failed = status('i', state('terminated', { exitCode: 1, reason: 'Error' }))
  assert.equal(podRow({ init, initStatuses: [failed] })[2], 'Init:Error')
  const done = status('i', state('terminated', { exitCode: 0, reason: 'Completed' }))
  assert.equal(
    podRow({ init, initStatuses: [done, status('j', state('waiting', { reason: 'CrashLoopBackOff' }))] })[2],
    'Init:CrashLoopBackOff',
  )
  assert.equal(podRow({})[2], 'Pending')
})

test('a pod that ended, or is on its way out', () => {
  const completed = status('a', state('terminated', { exitCode: 0, reason: 'Completed' }))
  assert.deepEqual(podRow({ phase: 'Succeeded', statuses: [completed] }).slice(1, 3), ['0/1', 'Completed'])
  const killed = status('a', state('terminated', { exitCode: 137, signal: 9 }))
  assert.equal(podRow({ phase: 'Failed', statuses: [killed] })[2], 'Signal:9')
  const meta = { deletionTimestamp: CREATED }
  assert.deepEqual(podRow({ phase: 'Running', statuses: [RUNNING], meta }).slice(1, 3), [
    '1/1',
    'Terminating',
  ])
})

test('restarts carry the time of the last one', () => {
  const lastState = { terminated: { exitCode: 1, finishedAt: '2026-01-01T11:59:55Z' } }
  assert.equal(
    podRow({ phase: 'Running', statuses: [{ ...RUNNING, restartCount: 1, lastState }] })[3],
    '1 (5s ago)',
  )
})

test('services show type, addresses and ports', () => {
  const ports = [
    { port: 15021, nodePort: 30646, protocol: 'TCP' },
    { port: 80, nodePort: 31914, protocol: 'TCP' },
  ]
  const spec = { type: 'LoadBalancer', clusterIP: '10.43.0.1', clusterIPs: ['10.43.0.1'], ports }
  const pending = row(infoOf('Service'), { metadata: META, spec })
  assert.deepEqual(pending, [
    'x',
    'LoadBalancer',
    '10.43.0.1',
    '<pending>',
    '15021:30646/TCP,80:31914/TCP',
    '6h27m',
  ])
  const loadBalancer = { ingress: [{ ip: '192.168.254.223' }] }
  assert.equal(
    row(infoOf('Service'), { metadata: META, spec, status: { loadBalancer } })[3],
    '192.168.254.223',
  )
  const headless = { type: 'ClusterIP', clusterIP: 'None', clusterIPs: ['None'] }
  assert.deepEqual(row(infoOf('Service'), { metadata: META, spec: headless }), [
    'x',
    'ClusterIP',
    'None',
    '<none>',
    '<none>',
    '6h27m',
  ])
})

test('deployments, replica sets and autoscalers', () => {
  const spec = {
    replicas: 2,
    selector: { matchLabels: { app: 'x' } },
    template: { spec: { containers: [] } },
  }
  const counts = { replicas: 2, readyReplicas: 1, updatedReplicas: 2, availableReplicas: 1 }
  assert.deepEqual(row(infoOf('Deployment', 'apps'), { metadata: META, spec, status: counts }), [
    'x',
    '1/2',
    2,
    1,
    '6h27m',
  ])
  assert.deepEqual(row(infoOf('ReplicaSet', 'apps'), { metadata: META, spec, status: counts }), [
    'x',
    2,
    2,
    1,
    '6h27m',
  ])
  const target = { type: 'Utilization', averageUtilization: 80 }
  const scaler = {
    metadata: META,
    spec: {
      scaleTargetRef: { kind: 'Deployment', name: 'istiod' },
      minReplicas: 1,
      maxReplicas: 5,
      metrics: [{ type: 'Resource', resource: { name: 'cpu', target } }],
    },
    status: {
      currentReplicas: 1,
      currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 3 } } }],
    },
  }
  const hpa = infoOf('HorizontalPodAutoscaler', 'autoscaling')
  assert.deepEqual(row(hpa, scaler), ['x', 'Deployment/istiod', 'cpu: 3%/80%', '1', 5, 1, '6h27m'])
  assert.equal(row(hpa, { ...scaler, status: {} })[2], 'cpu: <unknown>/80%')
})

test('custom resources show the columns of their definition', () => {
  const definition = {
    spec: {
      group: 'gateway.networking.k8s.io',
      scope: 'Namespaced',
      names: { plural: 'gateways', kind: 'Gateway', shortNames: ['gtw'] },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: [
            { name: 'Class', type: 'string', jsonPath: '.spec.gatewayClassName' },
            {
              name: 'Programmed',
              type: 'string',
              jsonPath: '.status.conditions[?(@.type=="Programmed")].status',
            },
            { name: 'Hosts', type: 'string', jsonPath: '.spec.hosts' },
            { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
          ],
        },
        { name: 'v1beta1', served: true, storage: false },
        { name: 'v1alpha1', served: false, storage: false },
      ],
    },
  } as unknown as CustomResourceDefinition
  const infos = resourceInfosOf(definition)
  assert.deepEqual(
    infos.map((info) => [info.version, info.subresources, info.listKind]),
    [
      ['v1', ['status'], 'GatewayList'],
      ['v1beta1', [], 'GatewayList'],
    ],
  )
  const object = {
    metadata: META,
    spec: { gatewayClassName: 'istio', hosts: ['a', 'b'] },
    status: {
      conditions: [
        { type: 'Accepted', status: 'False' },
        { type: 'Programmed', status: 'True' },
      ],
    },
  }
  const [v1, v1beta1] = infos
  assert.ok(v1 && v1beta1)
  assert.deepEqual(row(v1, object), ['x', 'istio', 'True', '["a","b"]', '6h27m'])
  assert.deepEqual(row(v1, { metadata: META }), ['x', null, null, null, '6h27m'])
  assert.deepEqual(row(v1beta1, object), ['x', '6h27m'])
})

test('rows carry metadata, the whole object or nothing', () => {
  const object = { apiVersion: 'v1', kind: 'Namespace', metadata: META }
  const rowWith = (includeObject: 'None' | 'Metadata' | 'Object') =>
    tableFor(infoOf('Namespace'), [object], NOW, { includeObject }).rows[0]?.object
  assert.deepEqual(rowWith('Metadata'), {
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata: META,
  })
  assert.equal(rowWith('None'), undefined)
  assert.equal(rowWith('Object'), object)
})
