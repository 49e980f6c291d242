import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeProtobufBody } from './decode.ts'

const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'))

/** Bodies as kubectl 1.35 sent them. */
const NAMESPACE = 'azhzAAoPCgJ2MRIJTmFtZXNwYWNlEhwKFAoEZGVtbxIAGgAiACoAMgA4AEIAEgAaAgoAGgAiAA=='
const DEPLOYMENT =
  'azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50ErwBCh8KA3dlYhIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEooBCAASDAoKCgNhcHASA3dlYhpwChwKABIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViElASMgoFbmdpbngSCW5naW54OjEuMioAMgoKABAAGFAiACoAQgBqAHIAgAEAiAEAkAEAogEAGgAyAEIASgBSAFgAYABoAIIBAIoBAJoBAMIBACICCgAoADgAGgwIABAAGAAgACgAOAAaACIA'
const SERVICE =
  'azhzAAoNCgJ2MRIHU2VydmljZRJpCh8KA3dlYhIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEkIKGwoHODAtODA4MBIDVENQGFAiBwgAEJA/GgAoABIKCgNhcHASA3dlYhoAIglDbHVzdGVySVA6AEIAUgBaAGAAaAAaAgoAGgAiAA=='
const AUTOSCALER =
  'azhzAAopCg5hdXRvc2NhbGluZy92MhIXSG9yaXpvbnRhbFBvZEF1dG9zY2FsZXISYQoTCgN3ZWISABoAIgAqADIAOABCABJEChoKCkRlcGxveW1lbnQSA3dlYhoHYXBwcy92MRACGAQiIgoIUmVzb3VyY2UiFgoDY3B1Eg8KC1V0aWxpemF0aW9uIFAaBBgAIAAaACIA'
const SECRET = 'azhzAAoMCgJ2MRIGU2VjcmV0Eh0KEQoBcxIAGgAiACoAMgA4AEIAEgYKAXgSAXkaABoAIgA='

test('a namespace from kubectl', () => {
  assert.deepEqual(decodeProtobufBody(bytesOf(NAMESPACE)), {
    ok: true,
    value: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'demo' }, spec: {}, status: {} },
  })
})

test('a deployment of zero replicas from kubectl keeps its zero and drops the empty fields', () => {
  const labels = { app: 'web' }
  assert.deepEqual(decodeProtobufBody(bytesOf(DEPLOYMENT)), {
    ok: true,
    value: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', labels },
      spec: {
        replicas: 0,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            containers: [
              { name: 'nginx', image: 'nginx:1.2', ports: [{ containerPort: 80 }], resources: {} },
            ],
          },
        },
        strategy: {},
      },
      status: {},
    },
  })
})

test('a service with an int-or-string port, and a secret with bytes', () => {
  const service = decodeProtobufBody(bytesOf(SERVICE))
  assert.ok(service.ok)
  assert.deepEqual((service.value as { spec: object }).spec, {
    ports: [{ name: '80-8080', protocol: 'TCP', port: 80, targetPort: 8080 }],
    selector: { app: 'web' },
    type: 'ClusterIP',
  })
  const secret = decodeProtobufBody(bytesOf(SECRET))
  assert.deepEqual(secret.ok && (secret.value as { data: object }).data, { x: 'eQ==' })
})

/** A writer just good enough to say what the tests need. */
function varint(value: number): readonly number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]
}

function field(number: number, content: string | Uint8Array | number): Uint8Array {
  if (typeof content === 'number') return Uint8Array.from([...varint(number * 8), ...varint(content)])
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  return Uint8Array.from([...varint(number * 8 + 2), ...varint(bytes.length), ...bytes])
}

const join = (...parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]))
const envelope = (apiVersion: string, kind: string, raw: Uint8Array) =>
  join(new TextEncoder().encode('k8s\0'), field(1, join(field(1, apiVersion), field(2, kind))), field(2, raw))

test('an autoscaler keeps the target of its metric', () => {
  const decoded = decodeProtobufBody(bytesOf(AUTOSCALER))
  const target = { type: 'Utilization', averageUtilization: 80 }
  assert.deepEqual(decoded.ok && (decoded.value as { readonly spec?: unknown }).spec, {
    scaleTargetRef: { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' },
    minReplicas: 2,
    maxReplicas: 4,
    metrics: [{ type: 'Resource', resource: { name: 'cpu', target } }],
  })
})

test('delete options travel under the version of the resource they are about', () => {
  const raw = join(field(1, 5), field(4, 'Foreground'))
  assert.deepEqual(decodeProtobufBody(envelope('apps/v1', 'DeleteOptions', raw)), {
    ok: true,
    value: {
      apiVersion: 'apps/v1',
      kind: 'DeleteOptions',
      gracePeriodSeconds: 5,
      propagationPolicy: 'Foreground',
    },
  })
})

test('times, quantities and maps of lists', () => {
  const meta = field(1, join(field(1, 'p'), field(8, field(1, Date.UTC(2026, 0, 1) / 1000))))
  const pod = decodeProtobufBody(envelope('v1', 'Pod', meta))
  assert.deepEqual(pod.ok && (pod.value as { metadata: object }).metadata, {
    name: 'p',
    creationTimestamp: '2026-01-01T00:00:00Z',
  })
  const limits = field(1, join(field(1, 'cpu'), field(2, field(1, '1000m'))))
  const container = field(2, join(field(1, 'c'), field(8, limits)))
  const decoded = decodeProtobufBody(envelope('v1', 'Pod', field(2, container)))
  assert.deepEqual(decoded.ok && (decoded.value as { spec: object }).spec, {
    containers: [{ name: 'c', resources: { limits: { cpu: '1' } } }],
  })
  const extra = field(5, join(field(1, 'scopes'), field(2, join(field(1, 'a'), field(1, 'b')))))
  const review = decodeProtobufBody(
    envelope('authorization.k8s.io/v1', 'SubjectAccessReview', field(2, extra)),
  )
  assert.deepEqual(review.ok && (review.value as { spec: object }).spec, { extra: { scopes: ['a', 'b'] } })
})

test('the schema of a definition: a choice is the field that is set, a default is JSON', () => {
  const property = join(field(5, 'string'), field(8, field(1, '"x"')))
  const schema = join(
    field(5, 'object'),
    field(29, join(field(1, 'a'), field(2, property))),
    field(30, join(field(1, 1))),
  )
  const version = join(field(1, 'v1'), field(4, field(1, schema)))
  const decoded = decodeProtobufBody(
    envelope('apiextensions.k8s.io/v1', 'CustomResourceDefinition', field(2, field(7, version))),
  )
  assert.ok(decoded.ok)
  const { versions } = (decoded.value as { spec: { versions: { schema: { openAPIV3Schema: object } }[] } })
    .spec
  assert.deepEqual(versions[0]?.schema.openAPIV3Schema, {
    type: 'object',
    properties: { a: { type: 'string', default: 'x' } },
    additionalProperties: true,
  })
})

test('bytes that are no such body are refused with a reason', () => {
  const errorOf = (bytes: Uint8Array) => {
    const result = decodeProtobufBody(bytes)
    return result.ok ? '' : result.error
  }
  assert.match(errorOf(new TextEncoder().encode('{}')), /does not appear to be a protobuf message/)
  assert.match(
    errorOf(envelope('example.org/v1', 'Thing', new Uint8Array(0))),
    /no kind "Thing" is registered/,
  )
  assert.match(errorOf(envelope('v1', 'Pod', Uint8Array.from([10, 200]))), /unexpected EOF/)
})

test('no bytes at all make the decoder throw', () => {
  const prefix = bytesOf(DEPLOYMENT)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(prefix.length - 1), (noise, at) => {
      const bytes = new Uint8Array(prefix)
      bytes.set(noise.subarray(0, Math.max(0, bytes.length - at)), at)
      decodeProtobufBody(bytes)
    }),
    { numRuns: 500 },
  )
})
