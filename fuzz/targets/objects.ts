import assert from 'node:assert/strict'
import {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  builtInSchema,
  decodeProtobufBody,
} from '../../src/kube/index.ts'
import { readObject } from '../../src/local-cluster/apiserver/decode.ts'
import { StatusError } from '../../src/local-cluster/apiserver/index.ts'
import { type FuzzTarget, mayThrow, textOf } from '../target.ts'

const DEPLOYMENT = { group: 'apps', version: 'v1', kind: 'Deployment' }
const SAMPLE =
  '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a","labels":{"app":"a"}},"spec":{"replicas":1,' +
  '"selector":{"matchLabels":{"app":"a"}},"template":{"metadata":{"labels":{"app":"a"}},"spec":{"containers":' +
  '[{"name":"c","image":"i","ports":[{"containerPort":80}],"env":[{"name":"A","value":"b"}],"resources":{"limits":{"cpu":"100m"}}}]}}}}'
const WORDS = [
  '"__proto__":',
  '"constructor":',
  '{"polluted":1}',
  'null',
  '[]',
  '{}',
  '"\\u005f_proto__"',
  '"$patch":"delete"',
  '"$patch":"replace"',
  '"$retainKeys":["a"]',
  '"$setElementOrder/containers":[{"name":"c"}]',
  '"$deleteFromPrimitiveList/x":[1]',
  '1e999',
  '-0',
  '"name":',
  '"containers":',
  '"spec":',
  ': ',
  '- ',
  '\n  ',
  '&a',
  '*a',
  '<<: *a',
  '!!js',
  '---\n',
]

/** A body, read as the server reads it. Refusals are Statuses. */
function readBody(input: Buffer, contentType: string): Promise<unknown> {
  return readObject({
    method: 'POST',
    path: '/',
    query: new URLSearchParams(),
    header: () => contentType,
    body: () => Promise.resolve({ kind: 'bytes', bytes: input }),
    user: { name: 'fuzz', groups: [] },
    signal: new AbortController().signal,
  })
}

/** A body goes on to pruning, defaults and validation, which must bear whatever it is. */
function passThrough(value: unknown): void {
  const schema = builtInSchema(DEPLOYMENT)
  assert.ok(schema)
  const pruned = schema.prune(value).value
  const complete = schema.applyDefaults(pruned)
  schema.validate(complete)
  assert.deepEqual(schema.prune(complete).pruned, [], 'pruning twice prunes more')
  assert.deepEqual(schema.applyDefaults(complete), complete, 'defaults twice are more defaults')
}

export const json: FuzzTarget = {
  seeds: [SAMPLE, '{"a":[1,2,{"b":null}]}'],
  words: WORDS,
  check(input) {
    const text = textOf(input)
    const value = mayThrow(
      () => JSON.parse(text) as unknown,
      (error) => error instanceof SyntaxError,
    )
    if (value !== undefined) passThrough(value)
  },
}

/** The whole reader of bodies; its promise settles in the same turn, so a broken law is thrown by `settle`. */
export const bodies: FuzzTarget & { readonly settle: () => Promise<void> } = createBodies()

function createBodies() {
  const pending: Promise<unknown>[] = []
  const types = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf', 'text/plain']
  return {
    seeds: [
      SAMPLE,
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: &x |\n    text\n  l: *x\n',
      Buffer.from('6b3873000a0d0a0276311209436f6e6669674d6170120a0a050a01611200120161', 'hex'),
    ],
    words: WORDS,
    check(input: Buffer) {
      for (const type of types) {
        pending.push(
          readBody(input, type).catch((error: unknown) => {
            if (!(error instanceof StatusError)) {
              throw new Error(`${type} ${JSON.stringify(input.toString('latin1'))}: ${String(error)}`, {
                cause: error,
              })
            }
          }),
        )
      }
    },
    async settle() {
      const results = await Promise.allSettled(pending.splice(0))
      for (const result of results) if (result.status === 'rejected') throw result.reason
    },
  }
}

export const protobuf: FuzzTarget = {
  seeds: [
    Buffer.from('6b3873000a0d0a0276311209436f6e6669674d6170120a0a050a01611200120161', 'hex'),
    Buffer.from('6b3873000a130a07617070732f7631120a4465706c6f796d656e74120a0a050a0161120012030801', 'hex'),
  ],
  words: [
    'k8s\0',
    '\x0a\xff\xff\xff\xff\x0f',
    '\x0b',
    '\x0c',
    '\x12\x00',
    '\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01',
  ],
  check(input) {
    const decoded = decodeProtobufBody(input)
    if (decoded.ok) JSON.stringify(decoded.value)
    const framed = decodeProtobufBody(Buffer.concat([Buffer.from('k8s\0'), input]))
    if (framed.ok) JSON.stringify(framed.value)
  },
}

export const patches: FuzzTarget = {
  seeds: [
    '[{"op":"add","path":"/metadata/labels/b","value":{"c":1}},{"op":"copy","from":"/spec","path":"/copy"}]',
    '[{"op":"test","path":"/kind","value":"Deployment"},{"op":"move","from":"/spec/template","path":"/t"},{"op":"remove","path":"/t"}]',
    '{"metadata":{"labels":{"app":null,"b":"c"}},"spec":{"replicas":null}}',
    '{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"j"},{"name":"d","$patch":"delete"}]}}}}',
    '{"spec":{"template":{"spec":{"$setElementOrder/containers":[{"name":"c"}],"containers":[{"name":"c","env":[{"name":"A","$patch":"delete"}]}]}}}}',
  ],
  words: [
    ...WORDS,
    '"op":"copy"',
    '"op":"move"',
    '"op":"add"',
    '"from":""',
    '"path":""',
    '/-',
    '/0',
    '~1',
    '~0',
    '/__proto__/polluted',
    '/constructor/prototype/polluted',
  ],
  check(input) {
    const patch = mayThrow(
      () => JSON.parse(textOf(input)) as unknown,
      (error) => error instanceof SyntaxError,
    )
    if (patch === undefined) return
    const document: unknown = JSON.parse(SAMPLE)
    applyJsonPatch(document, patch)
    const strategic = applyStrategicMergePatch(document, patch, DEPLOYMENT)
    if (strategic.ok) JSON.stringify(strategic.value)
    const merged = applyMergePatch(document, patch)
    assert.equal(JSON.stringify(document), SAMPLE, 'a patch changed the document that it was applied to')
    if (!merged.ok) return
    const twice = applyMergePatch(merged.value, patch)
    assert.deepEqual(twice, merged, 'a merge patch applied twice is not the same as once')
    const back = applyMergePatch(document, differenceOf(document, merged.value))
    assert.deepEqual(back.ok && back.value, merged.value, 'the difference applied does not give the result')
  },
}

/** RFC 7396 backwards: the patch that leads from one value to another (which must hold no null). */
function differenceOf(from: unknown, to: unknown): unknown {
  if (!isObject(from) || !isObject(to)) return to
  const patch: Record<string, unknown> = Object.create(null) as Record<string, unknown>
  for (const key of Object.keys(from)) if (!Object.hasOwn(to, key)) patch[key] = null
  for (const [key, value] of Object.entries(to)) {
    if (!Object.hasOwn(from, key)) patch[key] = value
    else if (JSON.stringify(from[key]) !== JSON.stringify(value)) patch[key] = differenceOf(from[key], value)
  }
  return { ...patch }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
