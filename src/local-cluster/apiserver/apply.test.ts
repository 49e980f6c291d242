/** Server-side apply and who owns which field, through the API and through the real kubectl. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ApiError, KINDS } from '../../kube/client/index.ts'
import type { KubeObject } from '../../kube/index.ts'
import { at, listAt, stringAt } from './json.ts'
import { startTestServer, type TestServer, WIDGET_CRD, WIDGETS } from './testing.ts'
import { type Kubectl, startKubectl } from './testing-kubectl.ts'

let its: TestServer
let kubectl: Kubectl['kubectl']
let run: Kubectl['run']
before(async () => {
  its = await startTestServer()
  ;({ kubectl, run } = await startKubectl(its))
})
after(() => its.stop())

interface Applied {
  readonly manager: string
  readonly force?: boolean
  readonly subresource?: 'status'
}

function apply(name: string, body: object, { manager, ...rest }: Applied): Promise<KubeObject> {
  const object = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, ...body }
  return its.client.patch<KubeObject>(KINDS.deployment, name, 'default', object, {
    type: 'apply',
    fieldManager: manager,
    ...rest,
  })
}

function containers(...images: readonly (readonly [string, string])[]) {
  return images.map(([name, image]) => ({ name, image }))
}

function deployment(replicas: number | undefined, ...images: readonly (readonly [string, string])[]) {
  const template = { metadata: { labels: { app: 'x' } }, spec: { containers: containers(...images) } }
  const selector = { matchLabels: { app: 'x' } }
  return { spec: { ...(replicas === undefined ? {} : { replicas }), selector, template } }
}

const WEB = ['web', 'nginx'] as const

async function refused(call: Promise<unknown>): Promise<ApiError> {
  const error: unknown = await call.then(
    () => assert.fail('the apply was taken'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ApiError)
  return error
}

function managers(object: KubeObject): readonly string[] {
  return (object.metadata.managedFields ?? []).map(
    (entry) => `${stringAt(entry, 'manager')} ${stringAt(entry, 'operation')}`,
  )
}

function fieldsBy(object: KubeObject, manager: string): unknown {
  const entries = (object.metadata.managedFields ?? []).filter((each) => at(each, 'manager') === manager)
  return at(entries[0], 'fieldsV1')
}

describe('fields that others set', () => {
  test('are all there when many apply the same new object at once, and when it is deleted meanwhile', async () => {
    const who = Array.from({ length: 8 }, (_, index) => `manager-${index}`)
    const applyAll = () =>
      who.map((manager) => {
        const object = {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: 'race' },
          data: { [manager]: 'x' },
        }
        const options = { type: 'apply', fieldManager: manager } as const
        return its.client.patch<KubeObject>(KINDS.configMap, 'race', 'default', object, options)
      })
    await Promise.all(applyAll())
    const found = await its.client.get<KubeObject>(KINDS.configMap, 'race', 'default')
    assert.deepEqual(
      managers(found as KubeObject).toSorted(),
      who.map((name) => `${name} Apply`),
    )
    await Promise.all([its.client.delete(KINDS.configMap, 'race', 'default'), ...applyAll()])
  })

  test('a write that is no apply owns what it changed, and applying another value is a conflict', async () => {
    await apply('conflict', deployment(2, WEB), { manager: 'a' })
    const scaled = await its.client.patch<KubeObject>(
      KINDS.deployment,
      'conflict',
      'default',
      { spec: { replicas: 5 } },
      { type: 'merge', fieldManager: 'scaler' },
    )
    assert.deepEqual(managers(scaled), ['a Apply', 'scaler Update'])
    assert.deepEqual(fieldsBy(scaled, 'scaler'), { 'f:spec': { 'f:replicas': {} } })
    assert.equal(at(fieldsBy(scaled, 'a'), 'f:spec', 'f:replicas'), undefined)
    const error = await refused(apply('conflict', deployment(2, WEB), { manager: 'a' }))
    assert.equal(error.status, 409)
    assert.equal(
      error.message,
      'Apply failed with 1 conflict: conflict with "scaler" using apps/v1: .spec.replicas',
    )
    assert.deepEqual(listAt(error.body, 'details', 'causes'), [
      {
        reason: 'FieldManagerConflict',
        message: 'conflict with "scaler" using apps/v1',
        field: '.spec.replicas',
      },
    ])
    const forced = await apply('conflict', deployment(2, WEB), { manager: 'a', force: true })
    assert.deepEqual([at(forced.spec, 'replicas'), managers(forced)], [2, ['a Apply']])
  })

  test('the same value is shared: nobody is refused, and it stays until the last owner drops it', async () => {
    await apply('shared', deployment(3, WEB), { manager: 'a' })
    await apply('shared', { spec: { replicas: 3 } }, { manager: 'b' })
    const dropped = await apply('shared', deployment(undefined, WEB), { manager: 'a' })
    assert.equal(at(dropped.spec, 'replicas'), 3)
    const error = await refused(apply('shared', deployment(4, WEB), { manager: 'a' }))
    assert.equal(error.message, 'Apply failed with 1 conflict: conflict with "b": .spec.replicas')
    await apply('shared', { metadata: { labels: { x: 'y' } } }, { manager: 'b' })
    const free = await apply('shared', deployment(4, WEB), { manager: 'a' })
    assert.equal(at(free.spec, 'replicas'), 4)
  })

  test('several conflicts are listed by manager', async () => {
    await apply('several', deployment(3, WEB), { manager: 'b' })
    await apply('several', { metadata: { labels: { tier: 'x' } } }, { manager: 'a' })
    const other = { metadata: { labels: { tier: 'y' } }, ...deployment(4, ['web', 'other']) }
    const error = await refused(apply('several', other, { manager: 'c' }))
    assert.equal(
      error.message,
      [
        'Apply failed with 3 conflicts: conflicts with "a":',
        '- .metadata.labels.tier',
        'conflicts with "b":',
        '- .spec.replicas',
        '- .spec.template.spec.containers[name="web"].image',
      ].join('\n'),
    )
  })
})

describe('lists and maps', () => {
  test('containers are merged by name, and one that is no longer applied goes', async () => {
    await apply('lists', deployment(1, WEB), { manager: 'a' })
    const withSidecar = { spec: { template: { spec: { containers: containers(['log', 'busybox']) } } } }
    const both = await apply('lists', withSidecar, { manager: 'b' })
    const names = (object: KubeObject) =>
      listAt(object.spec, 'template', 'spec', 'containers').map((each) => stringAt(each, 'name'))
    assert.deepEqual(names(both), ['web', 'log'])
    const one = await apply('lists', { metadata: { labels: { left: 'b' } } }, { manager: 'b' })
    assert.deepEqual(names(one), ['web'])
  })

  test('a label of another manager stays when mine goes', async () => {
    await apply('labels', { metadata: { labels: { a: '1' } }, ...deployment(1, WEB) }, { manager: 'a' })
    await apply('labels', { metadata: { labels: { b: '1' } } }, { manager: 'b' })
    const left = await apply('labels', deployment(1, WEB), { manager: 'a' })
    assert.deepEqual(left.metadata.labels, { b: '1' })
  })

  test('a selector is replaced as a whole, for it is atomic', async () => {
    const created = await apply('atomic', deployment(1, WEB), { manager: 'a' })
    assert.deepEqual(at(fieldsBy(created, 'a'), 'f:spec', 'f:selector'), {})
  })

  test('custom resources merge by the list types of their schema', async () => {
    const list = (type: string, more = {}) => ({
      type: 'array',
      'x-kubernetes-list-type': type,
      items: { type: 'string' },
      ...more,
    })
    const names = { plural: 'gadgets', singular: 'gadget', kind: 'Gadget' }
    const properties = {
      set: list('set'),
      whole: list('atomic'),
      map: list('map', {
        'x-kubernetes-list-map-keys': ['key'],
        items: {
          type: 'object',
          required: ['key'],
          properties: { key: { type: 'string' }, value: { type: 'string' } },
        },
      }),
    }
    const openAPIV3Schema = { type: 'object', properties: { spec: { type: 'object', properties } } }
    await its.client.create(KINDS.customResourceDefinition, {
      ...WIDGET_CRD,
      metadata: { name: 'gadgets.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names,
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }],
      },
    })
    const gadgets = { ...WIDGETS, plural: 'gadgets', kind: 'Gadget' }
    const put = (manager: string, spec: object) =>
      its.client.patch<KubeObject>(
        gadgets,
        'g',
        'default',
        { apiVersion: 'example.com/v1', kind: 'Gadget', metadata: { name: 'g' }, spec },
        { type: 'apply', fieldManager: manager },
      )
    await put('a', { set: ['x', 'y'], whole: ['x'], map: [{ key: 'k', value: '1' }] })
    const merged = await put('b', { set: ['y', 'z'], map: [{ key: 'l', value: '2' }] })
    assert.deepEqual(merged.spec, {
      set: ['x', 'y', 'z'],
      whole: ['x'],
      map: [
        { key: 'k', value: '1' },
        { key: 'l', value: '2' },
      ],
    })
    const error = await refused(put('b', { whole: ['y'] }))
    assert.equal(error.message, 'Apply failed with 1 conflict: conflict with "a": .spec.whole')
    const left = await put('a', { whole: ['x'] })
    assert.deepEqual(at(left.spec, 'set'), ['y', 'z'])
  })
})

describe('managed fields themselves', () => {
  test('a status is recorded with its subresource, apart from the spec', async () => {
    await apply('status', deployment(1, WEB), { manager: 'a' })
    const status = { observedGeneration: 1, replicas: 1 }
    const applied = await apply('status', { status }, { manager: 'a', subresource: 'status' })
    const entry = (applied.metadata.managedFields ?? []).find((each) => at(each, 'subresource') === 'status')
    assert.deepEqual(at(entry, 'fieldsV1'), { 'f:status': { 'f:observedGeneration': {}, 'f:replicas': {} } })
    assert.equal(at(applied.spec, 'replicas'), 1)
  })

  test('an apply that changes nothing writes nothing', async () => {
    const first = await apply('same', deployment(1, WEB), { manager: 'a' })
    const second = await apply('same', deployment(1, WEB), { manager: 'a' })
    assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion)
  })

  test('a client may forget all owners, and one that sends none forgets nobody', async () => {
    const first = await apply('forget', deployment(1, WEB), { manager: 'a' })
    const { managedFields: _fields, ...metadata } = first.metadata
    const plain = await its.client.update<KubeObject>(KINDS.deployment, { ...first, metadata })
    assert.deepEqual(managers(plain), ['a Apply'])
    const empty = { ...plain.metadata, managedFields: [{}] }
    const forgotten = await its.client.update<KubeObject>(KINDS.deployment, { ...plain, metadata: empty })
    assert.deepEqual(managers(forgotten), [])
    const error = await refused(apply('forget', deployment(7, WEB), { manager: 'a' }))
    assert.match(error.message, /conflict with "before-first-apply" using apps\/v1: \.spec\.replicas$/)
  })

  test('only the last ten updaters keep their names', async () => {
    await its.client.create(KINDS.configMap, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'many', namespace: 'default' },
      data: {},
    } as KubeObject)
    let last: KubeObject | undefined
    for (let index = 0; index < 14; index += 1) {
      const data = { [`key-${index}`]: 'x' }
      last = await its.client.patch<KubeObject>(
        KINDS.configMap,
        'many',
        'default',
        { data },
        {
          type: 'merge',
          fieldManager: `m-${index}`,
        },
      )
    }
    assert.ok(last)
    assert.equal(managers(last).length, 10)
    assert.ok(managers(last).includes('ancient-changes Update'))
    assert.ok(managers(last).includes('m-13 Update'))
  })
})

describe('kubectl', () => {
  const manifest = (image: string, replicas: number) =>
    JSON.stringify({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'k', namespace: 'default' },
      ...deployment(replicas, ['web', image]),
    })

  test('client-side apply can be carried on as server-side apply without a conflict', async () => {
    await kubectl('apply -f -', manifest('nginx:1', 2))
    await kubectl('apply --server-side -f -', manifest('nginx:2', 3))
    const object = JSON.parse(await kubectl('get deployment k -o json --show-managed-fields')) as KubeObject
    // kubectl keeps its annotation under a name of its own.
    assert.deepEqual(managers(object), ['kubectl Apply', 'kubectl-last-applied Apply'])
    assert.equal(at(object.spec, 'replicas'), 3)
    assert.doesNotMatch(await kubectl('get deployment k -o yaml'), /managedFields/)
  })

  test('a conflict is shown with its remedy, and --force-conflicts is one', async () => {
    await kubectl('scale deployment k --replicas=9')
    const { code, err } = await run(['apply', '--server-side', '-f', '-'], manifest('nginx:2', 3))
    assert.equal(code, 1)
    assert.match(err, /Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using/)
    assert.match(err, /--force-conflicts/)
    await kubectl('apply --server-side --force-conflicts -f -', manifest('nginx:2', 3))
  })

  test('diff shows what an apply would change, for both kinds of it', async () => {
    for (const flags of [[], ['--server-side']]) {
      const { code, out } = await run(['diff', ...flags, '-f', '-'], manifest('nginx:3', 3))
      assert.equal(code, 1)
      assert.match(out, /^-\s+- image: nginx:2$/m)
      assert.match(out, /^\+\s+- image: nginx:3$/m)
    }
    assert.equal((await run(['diff', '--server-side', '-f', '-'], manifest('nginx:2', 3))).code, 0)
  })
})
