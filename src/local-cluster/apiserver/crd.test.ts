import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { KubeObject } from '../../kube/index.ts'
import { ApiError, KINDS, pathOf } from '../../kube/client/index.ts'
import { systemClock } from '../../base/index.ts'
import { at, listAt, stringAt } from './json.ts'
import { startTestServer, type TestServer, widget, WIDGET_CRD, WIDGETS } from './testing.ts'

let its: TestServer
before(async () => {
  its = await startTestServer()
  await its.client.create(KINDS.customResourceDefinition, WIDGET_CRD)
})
after(() => its.stop())

const message = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ApiError, String(error))
  assert.match(error.message, pattern)
  return true
}

test('a definition is established, and served, when it is answered', async () => {
  const crd = await its.client.get<KubeObject>(KINDS.customResourceDefinition, 'widgets.example.com')
  const established = listAt(crd?.status, 'conditions').find(
    (each) => stringAt(each, 'type') === 'Established',
  )
  assert.equal(stringAt(established, 'status'), 'True')
  assert.deepEqual(at(crd?.status, 'storedVersions'), ['v1'])
  const { body } = await its.client.request({ method: 'GET', path: '/apis/example.com/v1' })
  assert.deepEqual(
    listAt(body, 'resources').map((each) => stringAt(each, 'name')),
    ['widgets', 'widgets/status', 'widgets/scale'],
  )
})

test('objects are defaulted, pruned and checked by schema and rules', async () => {
  const withUnknown: KubeObject = { ...widget('a', 1), spec: { size: 1, unknown: true } }
  const made = await its.client.create(WIDGETS, withUnknown)
  assert.deepEqual(made.spec, { size: 1, max: 10, color: 'red' })
  await assert.rejects(
    its.client.create(WIDGETS, widget('b', 11)),
    message(/^Widget\.example\.com "b" is invalid: .*size must not exceed max/),
  )
  await assert.rejects(
    its.client.create(WIDGETS, widget('b', -1)),
    message(/spec\.size: Invalid value: -1: .*greater than or equal to 0/),
  )
  await assert.rejects(
    its.client.patch(WIDGETS, 'a', 'default', { spec: { color: 'blue' } }, { type: 'merge' }),
    message(/color is immutable/),
  )
})

test('every served version shows the same object', async () => {
  await its.client.create(WIDGETS, widget('versions', 2))
  const old = { ...WIDGETS, version: 'v1beta1' }
  const seen = await its.client.get<KubeObject>(old, 'versions', 'default')
  assert.deepEqual(
    [seen?.apiVersion, seen?.spec],
    ['example.com/v1beta1', { size: 2, max: 10, color: 'red' }],
  )
  await its.client.patch(old, 'versions', 'default', { spec: { size: 3 } }, { type: 'merge' })
  const after = await its.client.get<KubeObject>(WIDGETS, 'versions', 'default')
  assert.deepEqual(
    [after?.apiVersion, at(after?.spec, 'size'), after?.metadata.generation],
    ['example.com/v1', 3, 2],
  )
})

test('status and scale are subresources of their own', async () => {
  await its.client.create(WIDGETS, widget('sub', 1))
  const status = await its.client.patch<KubeObject>(
    WIDGETS,
    'sub',
    'default',
    { status: { size: 1 }, spec: { size: 9 } },
    { type: 'merge', subresource: 'status' },
  )
  assert.deepEqual(
    [at(status.spec, 'size'), at(status.status, 'size'), status.metadata.generation],
    [1, 1, 1],
  )
  const path = pathOf(WIDGETS, { namespace: 'default', name: 'sub', subresource: 'scale' })
  const { body } = await its.client.request({ method: 'GET', path })
  assert.deepEqual([at(body, 'spec', 'replicas'), at(body, 'status', 'replicas')], [1, 1])
})

test('strategic merge is refused for custom resources, an update without resourceVersion too', async () => {
  await its.client.create(WIDGETS, widget('rules', 1))
  await assert.rejects(
    its.client.patch(WIDGETS, 'rules', 'default', {}, { type: 'strategic' }),
    (error: unknown) => error instanceof ApiError && error.status === 415,
  )
  await assert.rejects(
    its.client.update(WIDGETS, widget('rules', 2)),
    message(/metadata\.resourceVersion: Invalid value: 0: must be specified for an update/),
  )
})

test('server-side apply owns fields by manager: conflicts, force, and removal of what is no longer applied', async () => {
  const apply = (manager: string, spec: object, force = false) =>
    its.client.patch<KubeObject>(
      WIDGETS,
      'applied',
      'default',
      { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'applied' }, spec },
      { type: 'apply', fieldManager: manager, force },
    )
  await apply('alice', { size: 1, max: 5 })
  await assert.rejects(
    apply('bob', { size: 2 }),
    message(/^Apply failed with 1 conflict: conflict with "alice": \.spec\.size$/),
  )
  const forced = await apply('bob', { size: 2 }, true)
  assert.deepEqual(forced.spec, { size: 2, max: 5, color: 'red' })
  const without = await apply('alice', {})
  assert.deepEqual(without.spec, { size: 2, max: 10, color: 'red' })
})

test('a definition whose names another one has waits for them, and has them when it is gone', async () => {
  const kind = { ...KINDS.customResourceDefinition }
  const schema = { openAPIV3Schema: { type: 'object' } }
  const named = (plural: string) => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.names.example.com` },
    spec: {
      group: 'names.example.com',
      scope: 'Namespaced',
      names: { plural, kind: 'Name', shortNames: ['nm'] },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  })
  const stateOf = async (name: string) => {
    const found = await its.client.get<KubeObject>(kind, name)
    return {
      conditions: listAt(found?.status, 'conditions').map(
        (each) => `${stringAt(each, 'type')} ${stringAt(each, 'reason')}`,
      ),
      accepted: stringAt(found?.status, 'acceptedNames', 'kind'),
    }
  }
  await its.client.create(kind, named('firsts'))
  await its.client.create(kind, named('seconds'))
  assert.deepEqual(await stateOf('seconds.names.example.com'), {
    conditions: ['NamesAccepted ListKindConflict', 'Established NotAccepted'],
    accepted: '',
  })
  await its.client.delete(kind, 'firsts.names.example.com')
  for (let tries = 0; tries < 100; tries++) {
    const { accepted } = await stateOf('seconds.names.example.com')
    if (accepted === 'Name') break
    await systemClock.sleep(20)
  }
  assert.deepEqual(await stateOf('seconds.names.example.com'), {
    conditions: ['NamesAccepted NoConflicts', 'Established InitialNamesAccepted'],
    accepted: 'Name',
  })
})

test('fields that are selectable select, in every version', async () => {
  const property = { type: 'object', properties: { color: { type: 'string' } } }
  const version = (name: string) => ({
    name,
    served: true,
    storage: name === 'v1',
    schema: { openAPIV3Schema: { type: 'object', properties: { spec: property } } },
    selectableFields: [{ jsonPath: '.spec.color' }],
  })
  await its.client.create(KINDS.customResourceDefinition, {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'paints.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'paints', kind: 'Paint' },
      versions: [version('v1'), version('v1beta1')],
    },
  })
  const paints = { group: 'example.com', version: 'v1', plural: 'paints', kind: 'Paint', namespaced: true }
  for (const color of ['red', 'blue']) {
    const metadata = { name: color, namespace: 'default' }
    await its.client.create(paints, {
      apiVersion: 'example.com/v1',
      kind: 'Paint',
      metadata,
      spec: { color },
    })
  }
  const { items } = await its.client.list<KubeObject>(
    { ...paints, version: 'v1beta1' },
    { namespace: 'default', fieldSelector: 'spec.color=red' },
  )
  assert.deepEqual(
    items.map(({ metadata }) => metadata.name),
    ['red'],
  )
  await assert.rejects(
    its.client.list(paints, { namespace: 'default', fieldSelector: 'spec.size=1' }),
    message(/field label not supported: spec\.size/),
  )
})

test('a deleted definition takes its objects along and is served no more', async () => {
  const group = 'gone.example.com'
  const crd = structuredClone(WIDGET_CRD)
  crd.metadata.name = `widgets.${group}`
  crd.spec.group = group
  await its.client.create(KINDS.customResourceDefinition, crd)
  const kind = { ...WIDGETS, group }
  await its.client.create(kind, { ...widget('a', 1), apiVersion: `${group}/v1` })
  await its.client.delete(KINDS.customResourceDefinition, crd.metadata.name)
  const deadline = Date.now() + 10_000
  while (await its.client.get(KINDS.customResourceDefinition, crd.metadata.name)) {
    assert.ok(Date.now() < deadline, 'the definition is still there')
    await systemClock.sleep(5)
  }
  assert.equal(its.store.count(`${group}/widgets`), 0)
  assert.equal(await its.client.get(kind, 'a', 'default'), undefined)
})

test('server-side apply merges the lists of built-in kinds by their keys', async () => {
  const service = (ports: readonly object[]) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'shared' },
    spec: { ports },
  })
  const apply = (manager: string, ports: readonly object[]) =>
    its.client.patch<KubeObject>(KINDS.service, 'shared', 'default', service(ports), {
      type: 'apply',
      fieldManager: manager,
    })
  const numbers = (object: KubeObject) => listAt(object.spec, 'ports').map((port) => at(port, 'port'))
  await apply('alice', [{ name: 'a', port: 80, protocol: 'TCP' }])
  assert.deepEqual(numbers(await apply('bob', [{ name: 'b', port: 81, protocol: 'TCP' }])), [80, 81])
  assert.deepEqual(numbers(await apply('alice', [{ name: 'c', port: 82, protocol: 'TCP' }])), [81, 82])
})

test('an object that was stored before its kind had a default shows it when it is read', async () => {
  const names = { plural: 'sprockets', singular: 'sprocket', kind: 'Sprocket' }
  const definition = (more: object) => {
    const spec = { type: 'object', properties: { size: { type: 'integer' }, ...more } }
    const openAPIV3Schema = { type: 'object', properties: { spec } }
    const versions = [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }]
    return { group: 'example.com', scope: 'Namespaced', names, versions }
  }
  const crd = { ...WIDGET_CRD, metadata: { name: 'sprockets.example.com' } }
  await its.client.create(KINDS.customResourceDefinition, { ...crd, spec: definition({}) })
  const kind = { ...WIDGETS, plural: 'sprockets', kind: 'Sprocket' }
  await its.client.create(kind, { ...widget('old', 1), kind: 'Sprocket' })
  const spec = definition({ color: { type: 'string', default: 'red' } })
  await its.client.patch(
    KINDS.customResourceDefinition,
    crd.metadata.name,
    undefined,
    { spec },
    { type: 'merge' },
  )
  const read = await its.client.get<KubeObject>(kind, 'old', 'default')
  assert.deepEqual(read?.spec, { size: 1, color: 'red' })
  const { items } = await its.client.list<KubeObject>(kind, { namespace: 'default' })
  assert.deepEqual(items[0]?.spec, { size: 1, color: 'red' })
})
