import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { ApiError, KINDS } from '../../../kube/client/index.ts'
import { at } from '../json.ts'
import { configMap, startTestServer, type TestServer, WIDGET_CRD, widget, WIDGETS } from '../testing.ts'
import { hookConfiguration, patched, postOverTls, startTestHook, type TestHook } from './testing.ts'

let its: TestServer
let hook: TestHook
before(async () => {
  its = await startTestServer()
  hook = await startTestHook(its.pki)
})
after(async () => {
  hook.stop()
  await its.stop()
})
beforeEach(async () => {
  hook.answerWith(() => ({ allowed: true }))
  for (const name of ['m', 'n']) await its.client.delete(KINDS.mutatingWebhookConfiguration, name)
  await its.client.delete(KINDS.validatingWebhookConfiguration, 'v')
})

const clientConfig = () => ({
  url: `https://127.0.0.1:${hook.port}/inject`,
  caBundle: Buffer.from(its.pki.caCertificate).toString('base64'),
})
const mutating = (more: object = {}, name = 'm') =>
  its.client.create(
    KINDS.mutatingWebhookConfiguration,
    hookConfiguration('MutatingWebhookConfiguration', name, clientConfig(), more),
  )
const validating = (more: object = {}) =>
  its.client.create(
    KINDS.validatingWebhookConfiguration,
    hookConfiguration('ValidatingWebhookConfiguration', 'v', clientConfig(), more),
  )
const create = (name: string, data: Readonly<Record<string, string>> = {}, more: object = {}) =>
  its.client.create(KINDS.configMap, configMap(name, data, more))
const seen = () => hook.reviews.map(({ request }) => (request.object ?? request.oldObject)?.metadata.name)
const rule = (more: object) => ({
  operations: ['*'],
  apiGroups: [''],
  apiVersions: ['v1'],
  resources: ['configmaps'],
  ...more,
})

async function refusal(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => assert.fail('the write was admitted'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ApiError, String(error))
  return `${error.status} ${error.reason} ${error.message}`
}

test('a mutating webhook changes what is stored', async () => {
  await mutating()
  hook.answerWith(() => patched([{ op: 'add', path: '/data/injected', value: 'yes' }]))
  const made = await create('changed', { a: '1' })
  assert.deepEqual(made.data, { a: '1', injected: 'yes' })
  assert.deepEqual(seen(), ['changed'])
  assert.equal(hook.reviews[0]?.path, '/inject?timeout=10s')
})

test('only what its rules and selectors match is sent to a webhook', async () => {
  const labels = { inject: 'yes' }
  await its.client.create(KINDS.namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'on', labels },
  })
  await mutating({
    namespaceSelector: { matchLabels: labels },
    objectSelector: { matchExpressions: [{ key: 'skip', operator: 'DoesNotExist' }] },
  })
  await create('elsewhere')
  await create('skipped', {}, { namespace: 'on', labels: { skip: 'x' } })
  await its.client.create(KINDS.secret, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's', namespace: 'on' },
  })
  await create('seen', {}, { namespace: 'on' })
  assert.deepEqual(seen(), ['seen'])
})

test('an object is selected by what it was or by what it becomes', async () => {
  await create('relabelled', {}, { labels: { watched: 'yes' } })
  await mutating({
    rules: [rule({ operations: ['UPDATE'] })],
    objectSelector: { matchLabels: { watched: 'yes' } },
  })
  const change = (labels: object) =>
    its.client.patch(
      KINDS.configMap,
      'relabelled',
      'default',
      { metadata: { labels } },
      {
        type: 'merge',
      },
    )
  await change({ watched: 'no' })
  await change({ watched: 'never' })
  await change({ watched: 'yes' })
  assert.equal(hook.reviews.length, 2)
})

test('rules tell subresources, scopes and operations apart', async () => {
  await mutating({
    rules: [
      rule({ operations: ['UPDATE'], resources: ['namespaces/status'], scope: 'Cluster' }),
      rule({ operations: ['DELETE'], scope: 'Cluster' }),
      rule({ operations: ['DELETE'], scope: 'Namespaced', resources: ['secrets', 'configmaps/*'] }),
    ],
  })
  await create('deleted')
  await its.client.delete(KINDS.configMap, 'deleted', 'default')
  const change = { metadata: { annotations: { a: 'b' } } }
  await its.client.patch(KINDS.namespace, 'default', undefined, change, { type: 'merge' })
  await its.client.patch(KINDS.namespace, 'default', undefined, change, {
    type: 'merge',
    subresource: 'status',
  })
  assert.deepEqual(
    hook.reviews.map(({ request }) => [request.operation, request.subResource, request.object?.kind]),
    [
      ['DELETE', undefined, undefined],
      ['UPDATE', 'status', 'Namespace'],
    ],
  )
})

test('a webhook for one version sees objects of every version in its own', async () => {
  await its.client.create(KINDS.customResourceDefinition, WIDGET_CRD)
  const rules = [
    rule({ apiGroups: ['example.com'], apiVersions: ['v1beta1'], resources: ['widgets'], operations: ['*'] }),
  ]
  await mutating({ rules })
  hook.answerWith(() => patched([{ op: 'replace', path: '/spec/size', value: 2 }]))
  const made = await its.client.create(WIDGETS, widget('by-version', 1))
  assert.equal(at(made, 'spec', 'size'), 2)
  assert.equal(made.apiVersion, 'example.com/v1')
  const { request } = hook.reviews[0] ?? assert.fail('not asked')
  assert.equal(request.object?.apiVersion, 'example.com/v1beta1')
  assert.equal(request.resource.version, 'v1beta1')
  assert.deepEqual(request.requestKind, { group: 'example.com', version: 'v1', kind: 'Widget' })
  await its.client.delete(KINDS.mutatingWebhookConfiguration, 'm')
  await mutating({ rules, matchPolicy: 'Exact' })
  await its.client.create(WIDGETS, widget('exactly', 1))
  assert.equal(hook.reviews.length, 1)
})

test('a webhook is called only where all its match conditions hold', async () => {
  const matchConditions = [
    { name: 'named', expression: "object.metadata.name.startsWith('wanted')" },
    { name: 'by-a-person', expression: "!request.userInfo.username.startsWith('system:')" },
  ]
  await mutating({ matchConditions })
  await create('wanted-one')
  await create('other-one')
  assert.deepEqual(seen(), ['wanted-one'])
  await its.client.delete(KINDS.mutatingWebhookConfiguration, 'm')
  const failing = { matchConditions: [{ name: 'fails', expression: 'object.data.missing == "1"' }] }
  await mutating(failing)
  assert.match(
    await refusal(create('failing', { a: 'b' })),
    /^403 Forbidden configmaps "failing" is forbidden: expression 'object\.data\.missing == "1"' resulted in error: no such key: missing$/,
  )
  await its.client.delete(KINDS.mutatingWebhookConfiguration, 'm')
  await mutating({ ...failing, failurePolicy: 'Ignore' })
  await create('failing', { a: 'b' })
  assert.equal(hook.reviews.length, 1)
})

test('a webhook may refuse, with its own words', async () => {
  await validating()
  const denied = 'admission webhook "hook.example.com" denied the request'
  hook.answerWith(() => ({
    allowed: false,
    status: { message: 'no such thing', code: 422, reason: 'Invalid' },
  }))
  assert.equal(await refusal(create('refused')), `422 Invalid ${denied}: no such thing`)
  hook.answerWith(() => ({ allowed: false, status: { reason: 'Forbidden', code: 403 } }))
  assert.equal(await refusal(create('refused')), `403 Forbidden ${denied}: Forbidden`)
  hook.answerWith(() => ({ allowed: false, status: { message: 'odd', code: 200 } }))
  assert.match(await refusal(create('refused')), /^400 .*denied the request: odd$/)
  hook.answerWith(() => ({ allowed: false }))
  assert.match(await refusal(create('refused')), /^400 .*denied the request without explanation$/)
})

test('a webhook that may change objects may refuse deletions, but not change what goes', async () => {
  await create('kept')
  await mutating({ rules: [rule({ operations: ['DELETE'] })] })
  hook.answerWith(() => ({ allowed: false, status: { message: 'stays' } }))
  const remove = () => its.client.delete(KINDS.configMap, 'kept', 'default')
  assert.match(await refusal(remove()), /denied the request: stays$/)
  hook.answerWith(() => patched([{ op: 'add', path: '/data', value: {} }]))
  assert.match(
    await refusal(remove()),
    /^500 InternalError Internal error occurred: admission webhook "hook\.example\.com" attempted to modify the object, which is not supported for this operation$/,
  )
})

test('warnings of webhooks reach the client, allowed or not', async () => {
  await validating()
  hook.answerWith(({ request }) => ({
    allowed: request.object?.metadata.name === 'fine',
    warnings: ['think "twice"'],
    auditAnnotations: { a: 'b' },
  }))
  const warnings = ['299 - "think \\"twice\\""']
  const port = await its.server.listen({ host: '127.0.0.1', port: 0 })
  assert.deepEqual(await postOverTls(its.pki, port, configMap('fine')), { status: 201, warnings })
  assert.deepEqual(await postOverTls(its.pki, port, configMap('not-fine')), { status: 400, warnings })
})

test('a dry run goes to webhooks without side effects, and is refused by others', async () => {
  const dryRun = () => its.client.create(KINDS.configMap, configMap('dry'), { dryRun: true })
  await mutating({ sideEffects: 'NoneOnDryRun' })
  await dryRun()
  assert.deepEqual(
    hook.reviews.map(({ request }) => request.dryRun),
    [true],
  )
  await its.client.delete(KINDS.mutatingWebhookConfiguration, 'm')
  // Nobody can write such a configuration any more, but one may be left of older times.
  const name = 'v'
  const older = hookConfiguration('ValidatingWebhookConfiguration', name, clientConfig(), {
    sideEffects: 'Some',
    failurePolicy: 'Ignore',
  })
  const collection = 'admissionregistration.k8s.io/validatingwebhookconfigurations'
  await its.store.write({ kind: 'put', key: { collection, namespace: '', name }, object: older, expect: 0 })
  assert.match(
    await refusal(dryRun()),
    /^400 BadRequest admission webhook "hook\.example\.com" does not support dry run$/,
  )
  await create('wet')
})

test('a webhook that cannot be reached refuses under Fail and is passed over under Ignore', async () => {
  const clientConfig = { url: 'https://127.0.0.1:1/inject' }
  await mutating({ clientConfig })
  assert.equal(
    await refusal(create('unreached')),
    '500 InternalError Internal error occurred: failed calling webhook "hook.example.com": failed to call webhook: Post "https://127.0.0.1:1/inject?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused',
  )
  await its.client.delete(KINDS.mutatingWebhookConfiguration, 'm')
  await mutating({ clientConfig, failurePolicy: 'Ignore' })
  assert.ok(await create('unreached'))
})

test('a webhook that does not answer within its timeout has failed', async () => {
  hook.answerWith(() => undefined)
  await validating({ timeoutSeconds: 1 })
  assert.match(await refusal(create('waiting')), /inject\?timeout=1s": context deadline exceeded$/)
  await its.client.delete(KINDS.validatingWebhookConfiguration, 'v')
  await mutating({ timeoutSeconds: 1, failurePolicy: 'Ignore' })
  assert.ok(await create('waiting'))
})

test('a certificate of another authority is not trusted', async () => {
  const { caBundle: _, ...untrusted } = clientConfig()
  await validating({ clientConfig: untrusted })
  assert.match(
    await refusal(create('untrusted')),
    /tls: failed to verify certificate: x509: certificate signed by unknown authority$/,
  )
})

test('a service is called at the port and path that are named, by its own name', async () => {
  const service = { name: 'kubernetes', namespace: 'default', path: '/deep/hook', port: 8443 }
  const { caBundle } = clientConfig()
  await validating({
    clientConfig: { service: { ...service, name: 'istiod', namespace: 'istio-system' }, caBundle },
  })
  assert.match(
    await refusal(create('to-a-service')),
    /Post "https:\/\/istiod\.istio-system\.svc:8443\/deep\/hook\?timeout=10s": service "istiod" not found$/,
  )
  await its.client.delete(KINDS.validatingWebhookConfiguration, 'v')
  await validating({ clientConfig: { service, caBundle } })
  assert.match(await refusal(create('to-a-service')), /no service port 8443 found for service "kubernetes"$/)
})

const BAD_ANSWERS: readonly { what: string; answer: object; message: RegExp }[] = [
  {
    what: 'is not JSON',
    answer: { status: 200, body: 'yes' },
    message: /failed to call webhook: couldn't get version\/kind; json parse error: /,
  },
  {
    what: 'is an error',
    answer: { status: 500, body: 'boom\n' },
    message:
      /failed to call webhook: an error on the server \("boom"\) has prevented the request from succeeding$/,
  },
  {
    what: 'is not found',
    answer: { status: 404, body: '' },
    message: /failed to call webhook: the server could not find the requested resource$/,
  },
  {
    what: 'has no response',
    answer: { status: 200, body: '{}' },
    message: /received invalid webhook response: webhook response was absent$/,
  },
  {
    what: 'is for another request',
    answer: { allowed: true, uid: 'x' },
    message: /expected response\.uid="[0-9a-f-]{36}", got "x"$/,
  },
  {
    what: 'patches without a type',
    answer: { ...patched([]), patchType: undefined },
    message: /webhook returned response\.patch but not response\.patchType$/,
  },
  {
    what: 'has a type without a patch',
    answer: { allowed: true, patchType: 'JSONPatch' },
    message: /webhook returned response\.patchType but not response\.patch$/,
  },
  {
    what: 'patches in another way',
    answer: { ...patched([{ op: 'remove', path: '/data' }]), patchType: 'Merge' },
    message: /failed calling webhook "hook\.example\.com": unsupported patch type "Merge"$/,
  },
  {
    what: 'patches with no list',
    answer: patched({ a: 1 }),
    message: /received undecodable patch in webhook response: /,
  },
  {
    what: 'has a patch that is no JSON',
    answer: { allowed: true, patchType: 'JSONPatch', patch: '////' },
    message: /received undecodable patch in webhook response: /,
  },
]
for (const { what, answer, message } of BAD_ANSWERS) {
  test(`an answer that ${what} is a failure of the webhook, which its policy may forgive`, async () => {
    await mutating()
    hook.answerWith(() => answer)
    assert.match(await refusal(create('bad')), message)
    await its.client.delete(KINDS.mutatingWebhookConfiguration, 'm')
    await mutating({ failurePolicy: 'Ignore' })
    await create('bad')
    await its.client.delete(KINDS.configMap, 'bad', 'default')
  })
}

test('a patch that does not fit the object is refused whatever the policy', async () => {
  await mutating({ failurePolicy: 'Ignore' })
  hook.answerWith(() => patched([{ op: 'replace', path: '/data/none', value: 'x' }]))
  assert.match(
    await refusal(create('unfit')),
    /^500 InternalError Internal error occurred: replace operation does not apply: doc is missing key: \/data\/none: missing value$/,
  )
  hook.answerWith(() => patched([{ op: 'replace', path: '', value: [] }]))
  assert.match(await refusal(create('unfit')), /left no object of the one that it patched$/)
})

test('a validating webhook may not patch', async () => {
  await validating()
  hook.answerWith(() => patched([{ op: 'remove', path: '/data' }]))
  assert.match(
    await refusal(create('patched')),
    /received invalid webhook response: validating webhook may not return response\.patch$/,
  )
})

test('the older form of reviews is spoken with webhooks that know no other', async () => {
  await mutating({ admissionReviewVersions: ['v2', 'v1beta1', 'v1'] })
  hook.answerWith(() => ({
    ...patched([{ op: 'add', path: '/data/x', value: 'y' }]),
    uid: '',
    patchType: undefined,
  }))
  assert.deepEqual((await create('old-form', { a: 'b' })).data, { a: 'b', x: 'y' })
  assert.equal(hook.reviews[0]?.apiVersion, 'admission.k8s.io/v1beta1')
})

test('a webhook that asks for it is called again when another one changed something after it', async () => {
  await mutating({ reinvocationPolicy: 'IfNeeded', name: 'first.example.com' })
  await mutating(
    {
      name: 'second.example.com',
      clientConfig: { ...clientConfig(), url: `https://127.0.0.1:${hook.port}/second` },
    },
    'n',
  )
  hook.answerWith(({ path }) =>
    path.startsWith('/second') ? patched([{ op: 'add', path: '/data/n', value: '1' }]) : { allowed: true },
  )
  await create('again', { a: '1' })
  assert.deepEqual(
    hook.reviews.map(({ path, request }) => [path.split('?')[0], at(request.object, 'data', 'n')]),
    [
      ['/inject', undefined],
      ['/second', undefined],
      ['/inject', '1'],
    ],
  )
})

test('a webhook that alone changed something is not called again', async () => {
  await mutating({ reinvocationPolicy: 'IfNeeded' })
  hook.answerWith(() => patched([{ op: 'add', path: '/data/n', value: '1' }]))
  await create('alone', { a: '1' })
  assert.equal(hook.reviews.length, 1)
})

test('configurations of admission are not sent to webhooks', async () => {
  await validating({
    rules: [rule({ apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'], operations: ['*'] })],
  })
  hook.answerWith(() => ({ allowed: false }))
  await mutating()
  assert.equal(hook.reviews.length, 0)
})

test('evictions and connections to pods are shown as what they are, and may be refused', async () => {
  await its.client.create(KINDS.serviceAccount, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default', namespace: 'default' },
  })
  await its.client.create(KINDS.pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'x' }] },
  })
  const resources = ['pods/eviction', 'pods/exec', 'pods/portforward']
  await validating({ rules: [rule({ operations: ['CREATE', 'CONNECT'], resources })] })
  hook.answerWith(() => ({ allowed: false }))
  const refused = async (method: 'POST', path: string, body?: object) => {
    const answer = await its.client.request({
      method,
      path: `/api/v1/namespaces/default/pods/p/${path.split('?')[0]}`,
      query: Object.fromEntries(new URLSearchParams(path.split('?')[1] ?? '')),
      ...(body ? { body } : {}),
    })
    assert.equal(answer.status, 400)
    assert.match(String(at(answer.body, 'message')), /denied the request without explanation/)
  }
  const metadata = { name: 'p', namespace: 'default' }
  await refused('POST', 'eviction', { apiVersion: 'policy/v1', kind: 'Eviction', metadata })
  await refused('POST', 'exec?command=ls&stdout=true&container=c')
  await refused('POST', 'portforward?ports=80')
  assert.deepEqual(
    hook.reviews.map(({ request }) => [request.operation, request.subResource, request.kind, request.object]),
    [
      [
        'CREATE',
        'eviction',
        { group: 'policy', version: 'v1', kind: 'Eviction' },
        { apiVersion: 'policy/v1', kind: 'Eviction', metadata },
      ],
      [
        'CONNECT',
        'exec',
        { group: '', version: 'v1', kind: 'PodExecOptions' },
        { kind: 'PodExecOptions', apiVersion: 'v1', stdout: true, container: 'c', command: ['ls'] },
      ],
      [
        'CONNECT',
        'portforward',
        { group: '', version: 'v1', kind: 'PodPortForwardOptions' },
        { kind: 'PodPortForwardOptions', apiVersion: 'v1', ports: [80] },
      ],
    ],
  )
  assert.ok(await its.client.get(KINDS.pod, 'p', 'default'))
})

test('the first refusal of several validating webhooks is the answer', async () => {
  const configuration = hookConfiguration('ValidatingWebhookConfiguration', 'v', clientConfig())
  const [one = {}] = configuration.webhooks
  const webhooks = ['a.example.com', 'b.example.com'].map((name) => ({ ...one, name }))
  await its.client.create(KINDS.validatingWebhookConfiguration, { ...configuration, webhooks })
  hook.answerWith(() => ({ allowed: false }))
  assert.match(await refusal(create('twice')), /admission webhook "a\.example\.com" denied/)
  assert.equal(hook.reviews.length, 2)
})
