import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, test } from 'node:test'
import type { KubeObject } from '../../../kube/index.ts'
import { ApiError, KINDS } from '../../../kube/client/index.ts'
import { at } from '../json.ts'
import { configMap, startTestServer, type TestServer } from '../testing.ts'

type Review = {
  readonly request: { readonly uid: string; readonly object: KubeObject; readonly operation: string }
}

let its: TestServer
let hook: Server
let reviews: Review[] = []
let answer: (review: Review) => object = () => ({ allowed: true })

before(async () => {
  its = await startTestServer()
  const { certificate, key } = its.pki.server
  hook = createServer({ cert: certificate, key }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const review = JSON.parse(Buffer.concat(chunks).toString()) as Review
      reviews.push(review)
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ ...review, response: { uid: review.request.uid, ...answer(review) } }))
    })
  })
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve))
})
after(async () => {
  hook.close()
  hook.closeAllConnections()
  await its.stop()
})
beforeEach(async () => {
  reviews = []
  answer = () => ({ allowed: true })
  await its.client.delete(KINDS.mutatingWebhookConfiguration, 'm')
  await its.client.delete(KINDS.validatingWebhookConfiguration, 'v')
})

function configuration(kind: string, name: string, more: object = {}) {
  const { port } = hook.address() as AddressInfo
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    metadata: { name },
    webhooks: [
      {
        name: 'hook.example.com',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }],
        clientConfig: {
          url: `https://127.0.0.1:${port}/inject`,
          caBundle: Buffer.from(its.pki.caCertificate).toString('base64'),
        },
        ...more,
      },
    ],
  }
}

const mutating = (more: object = {}) =>
  its.client.create(
    KINDS.mutatingWebhookConfiguration,
    configuration('MutatingWebhookConfiguration', 'm', more),
  )

const patched = (operations: readonly object[]) => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
})

const message = (status: number, pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ApiError, String(error))
  assert.match(error.message, pattern)
  assert.equal(error.status, status)
  return true
}

test('a mutating webhook changes what is stored', async () => {
  await mutating()
  answer = () => patched([{ op: 'add', path: '/data/injected', value: 'yes' }])
  const made = await its.client.create(KINDS.configMap, configMap('changed', { a: '1' }))
  assert.deepEqual(made.data, { a: '1', injected: 'yes' })
  assert.deepEqual(
    reviews.map(({ request }) => [request.operation, request.object.metadata.name]),
    [['CREATE', 'changed']],
  )
})

test('only what its rules and selectors match is sent to a webhook', async () => {
  await its.client.create(KINDS.namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'on', labels: { inject: 'yes' } },
  })
  await mutating({
    namespaceSelector: { matchLabels: { inject: 'yes' } },
    objectSelector: { matchExpressions: [{ key: 'skip', operator: 'DoesNotExist' }] },
  })
  await its.client.create(KINDS.configMap, configMap('elsewhere'))
  await its.client.create(
    KINDS.configMap,
    configMap('skipped', {}, { namespace: 'on', labels: { skip: 'x' } }),
  )
  await its.client.create(KINDS.secret, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's', namespace: 'on' },
  })
  await its.client.create(KINDS.configMap, configMap('seen', {}, { namespace: 'on' }))
  assert.deepEqual(
    reviews.map(({ request }) => request.object.metadata.name),
    ['seen'],
  )
})

test('a webhook is called only where all its match conditions hold', async () => {
  const matchConditions = [
    { name: 'named', expression: "object.metadata.name.startsWith('wanted')" },
    { name: 'by-a-person', expression: "!request.userInfo.username.startsWith('system:')" },
  ]
  await mutating({ matchConditions })
  await its.client.create(KINDS.configMap, configMap('wanted-one'))
  await its.client.create(KINDS.configMap, configMap('other-one'))
  assert.deepEqual(
    reviews.map(({ request }) => request.object.metadata.name),
    ['wanted-one'],
  )
  await its.client.delete(KINDS.mutatingWebhookConfiguration, 'm')
  await mutating({ matchConditions: [{ name: 'fails', expression: 'object.data.missing == 1' }] })
  await assert.rejects(
    its.client.create(KINDS.configMap, configMap('failing')),
    message(500, /failed evaluating match conditions of webhook "hook\.example\.com": condition "fails"/),
  )
})

test('a webhook may refuse, with its own words', async () => {
  await its.client.create(
    KINDS.validatingWebhookConfiguration,
    configuration('ValidatingWebhookConfiguration', 'v'),
  )
  answer = () => ({ allowed: false, status: { message: 'no such thing', code: 422, reason: 'Invalid' } })
  await assert.rejects(
    its.client.create(KINDS.configMap, configMap('refused')),
    message(422, /^admission webhook "hook\.example\.com" denied the request: no such thing$/),
  )
  answer = () => ({ allowed: false })
  await assert.rejects(
    its.client.create(KINDS.configMap, configMap('refused')),
    message(403, /^admission webhook "hook\.example\.com" denied the request without explanation$/),
  )
})

test('a webhook that cannot be reached refuses under Fail and is passed over under Ignore', async () => {
  const clientConfig = { url: 'https://127.0.0.1:1/inject' }
  await mutating({ clientConfig })
  await assert.rejects(
    its.client.create(KINDS.configMap, configMap('unreached')),
    message(
      500,
      /^Internal error occurred: failed calling webhook "hook\.example\.com": failed to call webhook: Post "https:\/\/127\.0\.0\.1:1\/inject\?timeout=10s": dial tcp 127\.0\.0\.1:1: connect: connection refused$/,
    ),
  )
  await its.client.delete(KINDS.mutatingWebhookConfiguration, 'm')
  await mutating({ clientConfig, failurePolicy: 'Ignore' })
  assert.ok(await its.client.create(KINDS.configMap, configMap('unreached')))
})

test('a service that is missing is named', async () => {
  await mutating({
    clientConfig: { service: { name: 'istiod', namespace: 'istio-system', path: '/inject' } },
  })
  await assert.rejects(
    its.client.create(KINDS.configMap, configMap('unreached-too')),
    message(500, /failed calling webhook "hook\.example\.com": .*service "istiod" not found/),
  )
})

test('a webhook that asks for it is called again when something was changed', async () => {
  await mutating({ reinvocationPolicy: 'IfNeeded' })
  answer = (review) =>
    at(review.request.object, 'data', 'n') === undefined
      ? patched([{ op: 'add', path: '/data/n', value: '1' }])
      : { allowed: true }
  await its.client.create(KINDS.configMap, configMap('again', { a: '1' }))
  assert.equal(reviews.length, 2)
})
