import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { KubeObject } from '../../kube/index.ts'
import { ApiError, KINDS, pathOf } from '../../kube/client/index.ts'
import { at } from './json.ts'
import { configMap, startTestServer, type TestServer } from './testing.ts'

let its: TestServer
before(async () => {
  its = await startTestServer()
})
after(() => its.stop())

const refused = (status: number, reason: string, message: string | RegExp) => (error: unknown) => {
  assert.ok(error instanceof ApiError, String(error))
  assert.deepEqual([error.status, error.reason], [status, reason], error.message)
  if (typeof message === 'string') assert.equal(error.message, message)
  else assert.match(error.message, message)
  return true
}

const deployment = (name: string): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'default' },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
  },
})

describe('creating', () => {
  test('sets what the server decides and keeps the rest', async () => {
    const made = await its.client.create(KINDS.configMap, configMap('made', { a: '1' }))
    assert.deepEqual(made.data, { a: '1' })
    const { uid, creationTimestamp, resourceVersion } = (made as KubeObject).metadata
    assert.match(String(uid), /^[0-9a-f-]{36}$/)
    assert.match(String(creationTimestamp), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    assert.equal(resourceVersion, String(its.store.revision()))
  })

  test('refuses a name that is taken, a namespace that is missing, and a name that is none', async () => {
    await its.client.create(KINDS.configMap, configMap('taken'))
    await assert.rejects(
      its.client.create(KINDS.configMap, configMap('taken')),
      refused(409, 'AlreadyExists', 'configmaps "taken" already exists'),
    )
    await assert.rejects(
      its.client.create(KINDS.configMap, configMap('x', {}, { namespace: 'nowhere' })),
      refused(404, 'NotFound', 'namespaces "nowhere" not found'),
    )
    await assert.rejects(
      its.client.create(KINDS.configMap, configMap('Not_A_Name')),
      refused(
        422,
        'Invalid',
        /^ConfigMap "Not_A_Name" is invalid: metadata.name: Invalid value: "Not_A_Name": a lowercase RFC 1123 subdomain/,
      ),
    )
  })

  test('generates names that do not collide', async () => {
    const made = await Promise.all(
      Array.from({ length: 50 }, () =>
        its.client.create(KINDS.configMap, configMap('', {}, { name: undefined, generateName: 'many-' })),
      ),
    )
    const names = made.map(({ metadata }) => metadata.name)
    assert.equal(new Set(names).size, 50)
    for (const name of names) assert.match(name, /^many-[b-df-hj-np-tv-z2-9]{5}$/)
  })

  test('checks without storing when it is a dry run', async () => {
    await its.client.create(KINDS.configMap, configMap('dry'), { dryRun: true })
    assert.equal(await its.client.get(KINDS.configMap, 'dry', 'default'), undefined)
  })

  test('refuses unknown fields under strict validation, warns by default', async () => {
    const path = pathOf(KINDS.configMap, { namespace: 'default' })
    const body = { ...configMap('strict'), surprise: 1 }
    const strict = await its.client.request({
      method: 'POST',
      path,
      query: { fieldValidation: 'Strict' },
      body,
    })
    assert.equal(strict.status, 400)
    assert.equal(
      at(strict.body, 'message'),
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "surprise"',
    )
    const warned = await its.client.request({ method: 'POST', path, body })
    assert.equal(warned.status, 201)
    assert.equal(at(warned.body, 'surprise'), undefined)
  })
})

describe('updating', () => {
  test('takes the newest version only, and an update that changes nothing is no write', async () => {
    const made = await its.client.create(KINDS.configMap, configMap('versions', { a: '1' }))
    const second = await its.client.update(KINDS.configMap, { ...made, data: { a: '2' } })
    await assert.rejects(
      its.client.update(KINDS.configMap, { ...made, data: { a: '3' } }),
      refused(
        409,
        'Conflict',
        'Operation cannot be fulfilled on configmaps "versions": the object has been modified; please apply your changes to the latest version and try again',
      ),
    )
    const revision = its.store.revision()
    assert.deepEqual(await its.client.update(KINDS.configMap, second), second)
    assert.equal(its.store.revision(), revision)
  })

  test('counts generations for changes of the spec alone, and keeps spec and status apart', async () => {
    const made = await its.client.create(KINDS.deployment, deployment('generations'))
    assert.equal(made.metadata.generation, 1)
    const labelled = await its.client.patch(
      KINDS.deployment,
      'generations',
      'default',
      { metadata: { labels: { a: 'b' } }, status: { replicas: 9 } },
      { type: 'merge' },
    )
    assert.equal(labelled.metadata.generation, 1)
    assert.equal(at(labelled.status, 'replicas'), undefined)
    const observed = await its.client.patch<KubeObject>(
      KINDS.deployment,
      'generations',
      'default',
      { spec: { replicas: 7 }, status: { replicas: 9 } },
      { type: 'merge', subresource: 'status' },
    )
    assert.deepEqual([at(observed.spec, 'replicas'), at(observed.status, 'replicas')], [1, 9])
    const scaled = await its.client.patch(
      KINDS.deployment,
      'generations',
      'default',
      [{ op: 'replace', path: '/spec/replicas', value: 3 }],
      { type: 'json' },
    )
    assert.equal(scaled.metadata.generation, 2)
  })

  test('repeats a patch that lost a race until it wins', async () => {
    await its.client.create(KINDS.configMap, configMap('race'))
    await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        its.client.patch(
          KINDS.configMap,
          'race',
          'default',
          { data: { [`k${index}`]: 'x' } },
          { type: 'merge' },
        ),
      ),
    )
    const after = await its.client.get(KINDS.configMap, 'race', 'default')
    assert.equal(Object.keys(at(after, 'data') as object).length, 8)
  })

  test('scales by the scale subresource', async () => {
    await its.client.create(KINDS.deployment, deployment('scaled'))
    const path = pathOf(KINDS.deployment, { namespace: 'default', name: 'scaled', subresource: 'scale' })
    const { body } = await its.client.request({ method: 'GET', path })
    assert.deepEqual(
      [at(body, 'kind'), at(body, 'spec', 'replicas'), at(body, 'status', 'selector')],
      ['Scale', 1, 'app=scaled'],
    )
    await its.client.request({ method: 'PUT', path, body: { ...(body as object), spec: { replicas: 5 } } })
    const after = await its.client.get(KINDS.deployment, 'scaled', 'default')
    assert.equal(at(after?.spec, 'replicas'), 5)
  })
})

describe('listing', () => {
  test('selects by labels and fields, and goes through pages of one revision', async () => {
    for (const index of [1, 2, 3, 4, 5]) {
      const labels = { page: 'yes', parity: index % 2 === 0 ? 'even' : 'odd' }
      await its.client.create(KINDS.configMap, configMap(`page-${index}`, {}, { labels }))
    }
    const names = async (options: object) =>
      (await its.client.list(KINDS.configMap, { namespace: 'default', ...options })).items.map(
        ({ metadata }) => metadata.name,
      )
    assert.deepEqual(await names({ labelSelector: 'page,parity in (even)' }), ['page-2', 'page-4'])
    assert.deepEqual(await names({ fieldSelector: 'metadata.name=page-3' }), ['page-3'])
    await assert.rejects(
      names({ fieldSelector: 'data.a=1' }),
      refused(
        400,
        'BadRequest',
        '"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"',
      ),
    )
    const first = await its.client.list(KINDS.configMap, {
      namespace: 'default',
      labelSelector: 'page',
      limit: 2,
    })
    await its.client.delete(KINDS.configMap, 'page-3', 'default')
    const rest = await its.client.list(KINDS.configMap, {
      namespace: 'default',
      labelSelector: 'page',
      limit: 10,
      continue: first.continue ?? '',
    })
    assert.deepEqual(
      [...first.items, ...rest.items].map(({ metadata }) => metadata.name),
      ['page-1', 'page-2', 'page-3', 'page-4', 'page-5'],
    )
    assert.equal(rest.resourceVersion, first.resourceVersion)
  })

  test('answers with a table of the columns that kubectl prints', async () => {
    const path = pathOf(KINDS.deployment, { namespace: 'default' })
    const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' }
    const { body } = await its.client.request({ method: 'GET', path, headers })
    assert.equal(at(body, 'kind'), 'Table')
    const columns = at(body, 'columnDefinitions') as readonly { name: string; priority: number }[]
    assert.deepEqual(
      columns.filter(({ priority }) => priority === 0).map(({ name }) => name),
      ['Name', 'Ready', 'Up-to-date', 'Available', 'Age'],
    )
  })
})

describe('deleting', () => {
  test('keeps an object until its last finalizer is gone', async () => {
    await its.client.create(KINDS.configMap, configMap('held', {}, { finalizers: ['example.com/hold'] }))
    assert.equal(await its.client.delete(KINDS.configMap, 'held', 'default'), true)
    const marked = await its.client.get(KINDS.configMap, 'held', 'default')
    assert.ok(marked?.metadata.deletionTimestamp)
    await assert.rejects(
      its.client.patch(
        KINDS.configMap,
        'held',
        'default',
        { metadata: { finalizers: ['example.com/hold', 'example.com/more'] } },
        { type: 'merge' },
      ),
      refused(422, 'Invalid', /no new finalizers can be added if the object is being deleted/),
    )
    await its.client.patch(
      KINDS.configMap,
      'held',
      'default',
      { metadata: { finalizers: null } },
      { type: 'merge' },
    )
    assert.equal(await its.client.get(KINDS.configMap, 'held', 'default'), undefined)
    assert.equal(await its.client.delete(KINDS.configMap, 'held', 'default'), false)
  })

  test('marks dependents-first deletions for the garbage collector', async () => {
    await its.client.create(KINDS.configMap, configMap('owner'))
    await its.client.delete(KINDS.configMap, 'owner', 'default', { propagationPolicy: 'Foreground' })
    const marked = await its.client.get(KINDS.configMap, 'owner', 'default')
    assert.deepEqual(marked?.metadata.finalizers, ['foregroundDeletion'])
  })

  test('lets the node stop a pod before it goes', async () => {
    await its.client.create(KINDS.serviceAccount, {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'default', namespace: 'default' },
    })
    const pod = (name: string, nodeName?: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: { containers: [{ name: 'c', image: 'x' }], ...(nodeName ? { nodeName } : {}) },
    })
    const made = await its.client.create(KINDS.pod, pod('on-node', 'lateen'))
    assert.equal(at(made.spec, 'serviceAccountName'), 'default')
    const mounts = at((at(made.spec, 'containers') as unknown[])[0], 'volumeMounts') as readonly object[]
    assert.equal(at(mounts[0], 'mountPath'), '/var/run/secrets/kubernetes.io/serviceaccount')
    await its.client.delete(KINDS.pod, 'on-node', 'default')
    const dying = await its.client.get(KINDS.pod, 'on-node', 'default')
    assert.equal(dying?.metadata.deletionGracePeriodSeconds, 30)
    await its.client.delete(KINDS.pod, 'on-node', 'default', { gracePeriodSeconds: 0 })
    assert.equal(await its.client.get(KINDS.pod, 'on-node', 'default'), undefined)
    await its.client.create(KINDS.pod, pod('nowhere'))
    await its.client.delete(KINDS.pod, 'nowhere', 'default')
    assert.equal(await its.client.get(KINDS.pod, 'nowhere', 'default'), undefined)
  })

  test('closes a namespace that is being deleted, and lets it go when it is finalized', async () => {
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'closing' } }
    await its.client.create(KINDS.namespace, namespace)
    await its.client.delete(KINDS.namespace, 'closing')
    const marked = await its.client.get<KubeObject>(KINDS.namespace, 'closing')
    assert.equal(at(marked?.status, 'phase'), 'Terminating')
    await assert.rejects(
      its.client.create(KINDS.configMap, configMap('late', {}, { namespace: 'closing' })),
      refused(
        403,
        'Forbidden',
        /is forbidden: unable to create new content in namespace closing because it is being terminated/,
      ),
    )
    assert.ok(marked)
    await its.client.update(
      KINDS.namespace,
      { ...marked, spec: { finalizers: [] } },
      { subresource: 'finalize' },
    )
    assert.equal(await its.client.get(KINDS.namespace, 'closing'), undefined)
  })

  test('deletes the selected objects of a collection', async () => {
    for (const name of ['gone-1', 'gone-2']) {
      await its.client.create(KINDS.configMap, configMap(name, {}, { labels: { fate: 'gone' } }))
    }
    const path = pathOf(KINDS.configMap, { namespace: 'default' })
    const { status } = await its.client.request({
      method: 'DELETE',
      path,
      query: { labelSelector: 'fate=gone' },
    })
    assert.equal(status, 200)
    const left = await its.client.list(KINDS.configMap, { labelSelector: 'fate=gone' })
    assert.deepEqual(left.items, [])
    assert.ok(await its.client.get(KINDS.configMap, 'made', 'default'))
  })

  test('deletes nothing for options that it does not understand', async () => {
    await its.client.create(KINDS.configMap, configMap('stays', {}))
    const path = `${pathOf(KINDS.configMap, { namespace: 'default' })}/stays`
    const policy = await its.client.request({ method: 'DELETE', path, query: { propagationPolicy: 'Odd' } })
    assert.equal(policy.status, 422)
    assert.match(
      JSON.stringify(policy.body),
      /DeleteOptions\.meta\.k8s\.io .*is invalid: propagationPolicy: Unsupported value/,
    )
    const grace = await its.client.request({ method: 'DELETE', path, query: { gracePeriodSeconds: 'x' } })
    assert.equal(grace.status, 400)
    assert.ok(await its.client.get(KINDS.configMap, 'stays', 'default'))
  })
})

describe('services', () => {
  const service = (name: string, spec: object = {}): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { ports: [{ port: 80 }], ...spec },
  })

  test('get addresses and node ports of their own, and keep them', async () => {
    const made = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        its.client.create(KINDS.service, service(`s${index}`, { type: 'NodePort' })),
      ),
    )
    assert.equal(new Set(made.map((each) => at(each.spec, 'clusterIP'))).size, 20)
    const portOf = (each: KubeObject) => at((at(each.spec, 'ports') as unknown[])[0], 'nodePort')
    assert.equal(new Set(made.map(portOf)).size, 20)
    const [first] = made
    assert.ok(first)
    const { resourceVersion: _, ...metadata } = first.metadata
    const replaced = await its.client.update(KINDS.service, {
      ...service('s0', { type: 'NodePort' }),
      metadata,
    })
    assert.deepEqual(
      [at(replaced.spec, 'clusterIP'), portOf(replaced)],
      [at(first.spec, 'clusterIP'), portOf(first)],
    )
  })

  test('get what they ask for, unless it is taken or out of range', async () => {
    await its.client.create(KINDS.service, service('asked', { clusterIP: '10.43.0.77' }))
    await assert.rejects(
      its.client.create(KINDS.service, service('again', { clusterIP: '10.43.0.77' })),
      refused(
        422,
        'Invalid',
        'Service "again" is invalid: spec.clusterIPs: Invalid value: ["10.43.0.77"]: failed to allocate IP 10.43.0.77: provided IP is already allocated',
      ),
    )
    await assert.rejects(
      its.client.create(KINDS.service, service('outside', { clusterIP: '192.0.2.1' })),
      refused(
        422,
        'Invalid',
        /failed to allocate IP 192\.0\.2\.1: the provided network does not match the current range/,
      ),
    )
    await assert.rejects(
      its.client.create(
        KINDS.service,
        service('port', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] }),
      ),
      refused(
        422,
        'Invalid',
        /spec\.ports\[0\]\.nodePort: Invalid value: 80: provided port is not in the valid range\. The range of valid ports is 30000-32767/,
      ),
    )
    await its.client.delete(KINDS.service, 'asked', 'default')
    await its.client.create(KINDS.service, service('again', { clusterIP: '10.43.0.77' }))
    const headless = await its.client.create(KINDS.service, service('headless', { clusterIP: 'None' }))
    assert.equal(at(headless.spec, 'clusterIP'), 'None')
  })
})

describe('what the server sees to by itself', () => {
  test('a pod that is bound has no new generation, and one with gates says why it waits', async () => {
    const pod = (name: string, more: object = {}) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: { containers: [{ name: 'c', image: 'x' }], ...more },
    })
    await its.client.create(KINDS.pod, pod('bound'))
    const body = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'bound' },
      target: { kind: 'Node', name: 'n' },
    }
    const path = pathOf(KINDS.pod, { namespace: 'default', name: 'bound', subresource: 'binding' })
    assert.equal((await its.client.request({ method: 'POST', path, body })).status, 201)
    const bound = await its.client.get<KubeObject>(KINDS.pod, 'bound', 'default')
    assert.equal(bound?.metadata.generation, 1)
    const gated: KubeObject = await its.client.create(
      KINDS.pod,
      pod('gated', { schedulingGates: [{ name: 'a.b/c' }] }),
    )
    assert.deepEqual((gated.status as { conditions: unknown }).conditions, [
      {
        type: 'PodScheduled',
        status: 'False',
        reason: 'SchedulingGated',
        message: 'Scheduling is blocked due to non-empty scheduling gates',
      },
    ])
  })

  test('the Service kubernetes and what says where it leads come back when they are deleted', async () => {
    for (const kind of [KINDS.service, KINDS.endpointSlice, KINDS.endpoints]) {
      const before = await its.client.get<KubeObject>(kind, 'kubernetes', 'default')
      await its.client.delete(kind, 'kubernetes', 'default')
      let after: KubeObject | undefined
      for (const deadline = Date.now() + 5000; after === undefined && Date.now() < deadline; await nextTurn())
        after = await its.client.get<KubeObject>(kind, 'kubernetes', 'default')
      assert.notEqual(after?.metadata.uid, before?.metadata.uid)
      const { metadata: _before, ...own } = before ?? {}
      const { metadata: _after, ...made } = after ?? {}
      assert.deepEqual(made, own)
    }
  })
})
