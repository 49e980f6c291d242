import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileSchema } from './compile.ts'
import { formatFieldError } from './field-error.ts'
import type { StructuralSchema, ValidationRule } from './structural.ts'

const ROOT = { apiVersion: 'example.org/v1', kind: 'Thing', metadata: { name: 'thing' } }
const SMALL: ValidationRule = { rule: 'self < 10', message: 'too great' }

function errorsOf(spec: StructuralSchema, value: unknown, old: unknown): readonly string[] {
  const schema = compileSchema({ type: 'object', properties: { spec } })
  return schema.validate({ ...ROOT, spec: value }, { ...ROOT, spec: old }).map(formatFieldError)
}

/** A list whose items correspond to none of before. */
function numbers(rule: ValidationRule): StructuralSchema {
  const item: StructuralSchema = { type: 'integer', 'x-kubernetes-validations': [rule] }
  return { type: 'object', properties: { list: { type: 'array', items: item }, other: { type: 'string' } } }
}

test('items that break a rule stay where their list did not change, as Kubernetes has it', () => {
  const old = { list: [1, 12] }
  assert.deepEqual(errorsOf(numbers(SMALL), { list: [1, 12], other: 'new' }, old), [])
  assert.deepEqual(errorsOf(numbers(SMALL), { list: [12, 1], other: 'new' }, old), [
    'spec.list[0]: Invalid value: 12: too great',
  ])
})

test('a rule about the change is asked even where nothing changed', () => {
  const spec: StructuralSchema = {
    type: 'object',
    properties: {
      inner: {
        type: 'object',
        properties: { count: { type: 'integer' } },
        'x-kubernetes-validations': [{ rule: 'self.count > oldSelf.count', message: 'must grow' }, SMALL],
      },
    },
  }
  assert.deepEqual(errorsOf(spec, { inner: { count: 1 } }, { inner: { count: 1 } }), [
    'spec.inner: Invalid value: must grow',
  ])
})

test('a set that held an item twice before may go on doing so, a new one may not', () => {
  const spec: StructuralSchema = {
    type: 'object',
    properties: {
      set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
      other: { type: 'string' },
    },
  }
  const twice = { set: ['a', 'a'] }
  assert.deepEqual(errorsOf(spec, { ...twice, other: 'x' }, twice), [])
  assert.deepEqual(errorsOf(spec, twice, { set: ['a'] }), ['spec.set[1]: Duplicate value: "a"'])
})
