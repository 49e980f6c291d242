import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compileSchema } from './compile.ts'
import { formatFieldError } from './field-error.ts'
import type { StructuralSchema, ValidationRule } from './structural.ts'

const ROOT = { apiVersion: 'example.org/v1', kind: 'Thing', metadata: { name: 'thing' } }

/** An object of a kind whose spec has the given schema. */
function kind(spec: StructuralSchema) {
  return compileSchema({ type: 'object', properties: { spec } })
}

function errorsOf(spec: StructuralSchema, value: unknown, old?: unknown): readonly string[] {
  const schema = kind(spec)
  const oldObject = old === undefined ? undefined : { ...ROOT, spec: old }
  return schema.validate({ ...ROOT, spec: value }, oldObject).map(formatFieldError)
}

const TEXT: StructuralSchema = { type: 'string' }

test('unknown fields are dropped and named by their path', () => {
  const schema = kind({
    type: 'object',
    properties: { rules: { type: 'array', items: { type: 'object', properties: { a: TEXT } } } },
  })
  const { value, pruned } = schema.prune({ ...ROOT, spec: { rules: [{ a: 'x', b: 1 }], foo: 1 }, other: 1 })
  assert.deepEqual(value, { ...ROOT, spec: { rules: [{ a: 'x' }] } })
  assert.deepEqual(pruned, ['other', 'spec.foo', 'spec.rules[0].b'])
})

test('in an array that stands where an object belongs everything is unknown', () => {
  const spec: StructuralSchema = { type: 'object', properties: { a: TEXT } }
  assert.deepEqual(kind(spec).prune({ ...ROOT, spec: [{ a: 'x', rules: [1] }, 1, [{ b: 1 }]] }), {
    value: { ...ROOT, spec: [{}, 1, [{}]] },
    pruned: ['spec[0].a', 'spec[0].rules', 'spec[2][0].b'],
  })
  const free = kind({ ...spec, 'x-kubernetes-preserve-unknown-fields': true })
  assert.deepEqual(free.prune({ ...ROOT, spec: [{ b: 1 }] }).pruned, [])
})

test('unknown metadata is dropped, known metadata stays', () => {
  const { value, pruned } = kind({ type: 'object' }).prune({
    ...ROOT,
    metadata: { name: 'a', labels: { b: 'c' }, nope: 1 },
  })
  assert.deepEqual(value, { ...ROOT, metadata: { name: 'a', labels: { b: 'c' } } })
  assert.deepEqual(pruned, ['metadata.nope'])
})

test('under preserve-unknown-fields unknown fields stay, known ones are still pruned inside', () => {
  const inner: StructuralSchema = { type: 'object', properties: { a: TEXT } }
  const schema = kind({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { inner } })
  const object = { ...ROOT, spec: { free: { x: [1] }, inner: { a: 'b', c: 1 } } }
  assert.deepEqual(schema.prune(object), {
    value: { ...ROOT, spec: { free: { x: [1] }, inner: { a: 'b' } } },
    pruned: ['spec.inner.c'],
  })
})

test('a field called __proto__ is data and reaches no prototype', () => {
  const schema = kind({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true })
  const object = JSON.parse(
    `{"apiVersion":"a/v1","kind":"T","metadata":{"name":"a"},"spec":{"__proto__":{"polluted":true}}}`,
  ) as unknown
  const filled = schema.applyDefaults(schema.prune(object).value) as { spec: object }
  assert.ok(Object.hasOwn(filled.spec, '__proto__'))
  assert.equal(({} as { polluted?: boolean }).polluted, undefined)
  const strict = kind({ type: 'object', properties: { a: TEXT } })
  assert.deepEqual(strict.prune(object).pruned, ['spec.__proto__'])
})

test('defaults are filled in where the parent exists, and inside default objects', () => {
  const inner: StructuralSchema = { type: 'object', properties: { port: { type: 'integer', default: 80 } } }
  const schema = kind({ type: 'object', properties: { a: inner, b: { ...inner, default: {} } } })
  assert.deepEqual(schema.applyDefaults({ ...ROOT, spec: {} }), { ...ROOT, spec: { b: { port: 80 } } })
  assert.deepEqual(schema.applyDefaults({ ...ROOT, spec: { a: {} } }), {
    ...ROOT,
    spec: { a: { port: 80 }, b: { port: 80 } },
  })
  assert.deepEqual(schema.applyDefaults({ ...ROOT }), ROOT)
})

test('null takes the default, stays where it is nullable, and disappears otherwise', () => {
  const schema = kind({
    type: 'object',
    properties: { a: { type: 'string', default: 'x' }, b: { type: 'string', nullable: true }, c: TEXT },
  })
  assert.deepEqual(schema.applyDefaults({ ...ROOT, spec: { a: null, b: null, c: null } }), {
    ...ROOT,
    spec: { a: 'x', b: null },
  })
})

test('defaulting twice is defaulting once', () => {
  const node: StructuralSchema = {
    type: 'object',
    properties: {
      a: { type: 'string', default: 'x' },
      b: { type: 'array', items: { type: 'object', properties: { c: { type: 'integer', default: 1 } } } },
    },
  }
  const schema = kind(node)
  fc.assert(
    fc.property(fc.jsonValue(), (spec) => {
      const once = schema.applyDefaults({ ...ROOT, spec })
      assert.deepEqual(schema.applyDefaults(once), once)
    }),
    { numRuns: 100 },
  )
})

test('values are checked in the words of the API server', () => {
  const spec: StructuralSchema = {
    type: 'object',
    required: ['name'],
    properties: {
      name: TEXT,
      port: { type: 'integer', minimum: 1, maximum: 65535 },
      mode: { type: 'string', enum: ['A', 'B'] },
      code: { type: 'string', pattern: '^[a-z]+$', maxLength: 3 },
      list: { type: 'array', items: TEXT, maxItems: 1 },
      when: { type: 'string', format: 'date-time' },
      share: { 'x-kubernetes-int-or-string': true },
    },
  }
  const object = { port: 0, mode: 'C', code: 'ABCD', list: ['a', 'b'], when: 'now', share: true }
  assert.deepEqual(errorsOf(spec, object), [
    'spec.name: Required value',
    'spec.port: Invalid value: 0: spec.port in body should be greater than or equal to 1',
    'spec.mode: Unsupported value: "C": supported values: "A", "B"',
    'spec.code: Too long: may not be more than 3 bytes',
    'spec.list: Too many: 2: must have at most 1 item',
    'spec.when: Invalid value: "now": spec.when in body must be of type date-time: "now"',
    'spec.share: Invalid value: "boolean": spec.share in body must be of type integer,string: "boolean"',
  ])
  assert.deepEqual(
    errorsOf({ type: 'object' }, 'text')[0],
    'spec: Invalid value: "string": spec in body must be of type object: "string"',
  )
})

test('a value of the wrong type is still held to the choices and the alternatives of its field', () => {
  const choice: StructuralSchema = { type: 'string', enum: ['A', 'B'] }
  const wrong = (actual: string) =>
    `spec: Invalid value: "${actual}": spec in body must be of type string: "${actual}"`
  assert.deepEqual(errorsOf(choice, true), [
    wrong('boolean'),
    'spec: Unsupported value: true: supported values: "A", "B"',
  ])
  assert.deepEqual(
    errorsOf(choice, ['A', 'A'])[1],
    'spec: Unsupported value: ["A","A"]: supported values: "A", "B"',
  )
  const alternatives: StructuralSchema = {
    type: 'object',
    oneOf: [{ required: ['a'] }, { required: ['b'] }],
    properties: { a: TEXT, b: TEXT },
  }
  assert.deepEqual(errorsOf(alternatives, []), [
    'spec: Invalid value: "array": spec in body must be of type object: "array"',
    '<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found 2 valid alternatives',
  ])
})

test('of a type with a format the error names the format, but for texts and lists', () => {
  const port: StructuralSchema = { type: 'integer', format: 'int32' }
  const error = (given: string, type: string) =>
    `spec: Invalid value: "${given}": spec in body must be of type ${type}: "${given}"`
  assert.deepEqual(errorsOf(port, {}), [error('', 'int32')])
  assert.deepEqual(errorsOf(port, true), [error('', 'int32')])
  assert.deepEqual(errorsOf(port, 'a'), [error('string', 'integer')])
  assert.deepEqual(errorsOf(port, []), [error('array', 'integer')])
  assert.deepEqual(errorsOf({ type: 'string', format: 'date-time' }, 1), [error('int64', 'date-time')])
  assert.deepEqual(errorsOf(port, 1.5), [
    error('float64', 'int32'),
    '<nil>: Invalid value: "": Checked value must be of type integer with format int32 in spec',
  ])
})

test('an integer is within its format, or within 64 bits', () => {
  const outside = (what: string) => [
    `<nil>: Invalid value: "": Checked value must be of type integer ${what} in spec`,
  ]
  const port: StructuralSchema = { type: 'integer', format: 'int32' }
  assert.deepEqual(errorsOf(port, 2 ** 31), outside('with format int32'))
  assert.deepEqual(errorsOf(port, -(2 ** 31)), [])
  assert.deepEqual(errorsOf({ type: 'integer', format: 'int64' }, 2 ** 31), [])
  assert.deepEqual(errorsOf({ type: 'integer' }, 1.5), [
    'spec: Invalid value: "number": spec in body must be of type integer: "number"',
    ...outside('(default format)'),
  ])
})

test('of the limits of a text only the first that fails is told', () => {
  const text: StructuralSchema = { type: 'string', minLength: 2, maxLength: 3, pattern: '^[a-z]+$' }
  const first = (value: string) => errorsOf({ ...text, format: 'date' }, value)
  const format = (value: string) =>
    `spec: Invalid value: "${value}": spec in body must be of type date: "${value}"`
  assert.deepEqual(first('ABCD').slice(0, 2), [
    'spec: Too long: may not be more than 3 bytes',
    format('ABCD'),
  ])
  assert.deepEqual(first('').slice(0, 2), [
    'spec: Invalid value: "": spec in body should be at least 2 chars long',
    format(''),
  ])
  assert.equal(first('AB')[0], `spec: Invalid value: "AB": spec in body should match '^[a-z]+$'`)
})

test('lists that are maps or sets hold no item twice', () => {
  const item: StructuralSchema = { type: 'object', properties: { name: TEXT, port: { type: 'integer' } } }
  const list: StructuralSchema = {
    type: 'array',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
    items: item,
  }
  const set: StructuralSchema = { type: 'array', 'x-kubernetes-list-type': 'set', items: TEXT }
  const spec: StructuralSchema = { type: 'object', properties: { list, set } }
  assert.deepEqual(errorsOf(spec, { list: [{ name: 'a' }, { name: 'a', port: 1 }], set: ['x', 'y', 'x'] }), [
    'spec.list[1]: Duplicate value: {"name":"a"}',
    'spec.set[2]: Duplicate value: "x"',
  ])
  assert.deepEqual(errorsOf({ ...list, items: {} }, [{ name: 'a' }, { name: 'a' }, 65536, 'a']), [
    'spec[2]: Invalid value: 65536: must be an object for an array of list-type map',
    'spec[3]: Invalid value: "a": must be an object for an array of list-type map',
  ])
})

test('anyOf, oneOf, allOf and not are checked', () => {
  const has = (name: string): StructuralSchema => ({ required: [name] })
  const spec = (rest: StructuralSchema): StructuralSchema => ({
    type: 'object',
    properties: { a: TEXT, b: TEXT },
    ...rest,
  })
  assert.match(
    errorsOf(spec({ anyOf: [has('a'), has('b')] }), {})[0] ?? '',
    /must validate at least one schema \(anyOf\)/,
  )
  assert.match(
    errorsOf(spec({ oneOf: [has('a'), has('b')] }), { a: '', b: '' })[0] ?? '',
    /Found 2 valid alternatives/,
  )
  assert.match(errorsOf(spec({ not: has('a') }), { a: '' })[0] ?? '', /must not validate the schema \(not\)/)
  assert.deepEqual(errorsOf(spec({ oneOf: [has('a'), has('b')] }), { a: '' }), [])
})

function withRule(rule: ValidationRule, node: StructuralSchema): StructuralSchema {
  return { ...node, 'x-kubernetes-validations': [rule] }
}

const PORTS: StructuralSchema = {
  type: 'object',
  properties: { min: { type: 'integer' }, max: { type: 'integer' }, ratio: { type: 'number' }, name: TEXT },
}

test('rules see integers as int and other numbers as double', () => {
  assert.deepEqual(
    errorsOf(withRule({ rule: 'self.min + 1 <= self.max && self.ratio < 1.5' }, PORTS), {
      min: 1,
      max: 2,
      ratio: 1,
    }),
    [],
  )
  assert.deepEqual(errorsOf(withRule({ rule: 'self.min < self.max' }, PORTS), { min: 3, max: 2 }), [
    'spec: Invalid value: failed rule: self.min < self.max',
  ])
})

test('message, messageExpression, fieldPath and reason shape the error', () => {
  const rule = 'self.min < self.max'
  assert.deepEqual(errorsOf(withRule({ rule, message: 'min first' }, PORTS), { min: 3, max: 2 }), [
    'spec: Invalid value: min first',
  ])
  const expression = {
    rule,
    messageExpression: "'min ' + string(self.min) + ' is too big'",
    fieldPath: '.min',
  }
  assert.deepEqual(errorsOf(withRule(expression, PORTS), { min: 3, max: 2 }), [
    'spec.min: Invalid value: min 3 is too big',
  ])
  const failing = { rule, message: 'plain', messageExpression: 'self.none' }
  assert.deepEqual(errorsOf(withRule(failing, PORTS), { min: 3, max: 2 }), ['spec: Invalid value: plain'])
  assert.deepEqual(
    errorsOf(withRule({ rule, message: 'no', reason: 'FieldValueForbidden' }, PORTS), { min: 3, max: 2 }),
    ['spec: Forbidden: no'],
  )
})

test('rules that were not checked are mentioned only where there are rules', () => {
  const text: StructuralSchema = { type: 'string', maxLength: 1 }
  const tooLong = 'spec: Too long: may not be more than 1 byte'
  assert.deepEqual(errorsOf(text, 'ab'), [tooLong])
  assert.deepEqual(errorsOf(withRule({ rule: 'self != ""' }, text), 'ab'), [
    tooLong,
    '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
  ])
})

test('a rule that fails to run says so', () => {
  assert.match(
    errorsOf(withRule({ rule: 'self.name.size() > 0' }, PORTS), {})[0] ?? '',
    /^spec: Invalid value: "object": .* evaluating rule: self\.name\.size\(\) > 0$/,
  )
})

test('transition rules run on updates only, unless oldSelf is optional', () => {
  const fixed = withRule({ rule: 'self.min == oldSelf.min', message: 'min is immutable' }, PORTS)
  assert.deepEqual(errorsOf(fixed, { min: 1 }), [])
  assert.deepEqual(errorsOf(fixed, { min: 1 }, { min: 1 }), [])
  assert.deepEqual(errorsOf(fixed, { min: 2 }, { min: 1 }), ['spec: Invalid value: min is immutable'])
  const rule = 'oldSelf.hasValue() ? self.min >= oldSelf.value().min : self.min == 1'
  const growing = withRule({ rule, optionalOldSelf: true, message: 'only up from 1' }, PORTS)
  assert.deepEqual(errorsOf(growing, { min: 1 }), [])
  assert.deepEqual(errorsOf(growing, { min: 2 }), ['spec: Invalid value: only up from 1'])
  assert.deepEqual(errorsOf(growing, { min: 3 }, { min: 2 }), [])
})

test('what was already wrong and has not changed does not fail an update', () => {
  const spec: StructuralSchema = {
    type: 'object',
    properties: { a: { type: 'string', maxLength: 1 }, b: withRule({ rule: 'self == "ok"' }, TEXT), c: TEXT },
  }
  const old = { a: 'long', b: 'bad' }
  assert.deepEqual(errorsOf(spec, { ...old, c: 'new' }, old), [])
  assert.equal(
    errorsOf(spec, { a: 'longer', b: 'bad' }, old)[0],
    'spec.a: Too long: may not be more than 1 byte',
  )
  assert.deepEqual(errorsOf(spec, { a: 'long', b: 'worse' }, old), [
    'spec.b: Invalid value: "worse": failed rule: self == "ok"',
  ])
})

test('items of a keyed list are compared with the old item of the same key', () => {
  const item = withRule(
    { rule: 'self.port == oldSelf.port', message: 'port is fixed' },
    {
      type: 'object',
      properties: { name: TEXT, port: { type: 'integer' } },
    },
  )
  const spec: StructuralSchema = {
    type: 'array',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
    items: item,
  }
  const old = [
    { name: 'a', port: 1 },
    { name: 'b', port: 2 },
  ]
  assert.deepEqual(
    errorsOf(
      spec,
      [
        { name: 'b', port: 2 },
        { name: 'c', port: 9 },
      ],
      old,
    ),
    [],
  )
  assert.deepEqual(errorsOf(spec, [{ name: 'b', port: 3 }], old), ['spec[0]: Invalid value: port is fixed'])
})

test('a rule with nested loops over a huge list is refused, not run', () => {
  const list = withRule(
    { rule: 'self.all(a, self.all(b, self.all(c, a + b + c >= 0)))' },
    { type: 'array', items: { type: 'integer' } },
  )
  const errors = errorsOf(
    list,
    Array.from({ length: 500 }, (_, index) => index),
  )
  assert.match(errors[0] ?? '', /running out of cost budget/)
})

test('a resource shows rules its name, and reserved words are escaped', () => {
  const schema = compileSchema(
    withRule(
      {
        rule: "self.metadata.name == 'thing' && self.kind == 'Thing' && self.spec.__namespace__ == 'x' && self.spec.a__dash__b == 1",
      },
      {
        type: 'object',
        properties: { spec: { type: 'object', properties: { namespace: TEXT, 'a-b': { type: 'integer' } } } },
      },
    ),
  )
  assert.deepEqual(schema.validate({ ...ROOT, spec: { namespace: 'x', 'a-b': 1 } }), [])
})
