import assert from 'node:assert/strict'
import { test } from 'node:test'
import { danglingReferences, isNeverBool } from './references.ts'

const VARIABLES = new Map([['object', undefined]])

test('names that nobody declares are found, with their places as CEL shows them', () => {
  const found = (text: string) => danglingReferences(text, VARIABLES)
  assert.equal(found('object.a == 1 && has(object.b)'), undefined)
  assert.equal(found('[1].all(i, i > 0) && type(1) == int'), undefined)
  assert.equal(
    found('x + y'),
    [
      "ERROR: <input>:1:1: undeclared reference to 'x' (in container '')",
      ' | x + y',
      ' | ^',
      "ERROR: <input>:1:5: undeclared reference to 'y' (in container '')",
      ' | x + y',
      ' | ....^',
    ].join('\n'),
  )
  assert.match(found('[1].all(i, i > j)') ?? '', /:1:16: undeclared reference to 'j'/)
})

test('fields that a schema does not have are found, behind lists, maps and macros too', () => {
  const text = { type: 'string' } as const
  const self = {
    type: 'object',
    properties: { a: text, list: { type: 'array', items: { type: 'object', properties: { b: text } } } },
  } as const
  const found = (expression: string) => danglingReferences(expression, new Map([['self', self]]))
  assert.equal(found('self.a == "x" && self.list.all(each, each.b == "")'), undefined)
  assert.match(found('self.b') ?? '', /:1:5: undefined field 'b'/)
  assert.match(found('self.list[0].c == ""') ?? '', /undefined field 'c'/)
  assert.match(found('self.list.exists(each, each.c == "")') ?? '', /undefined field 'c'/)
})

test('some expressions can never be true or false', () => {
  for (const text of ['1', '"a"', 'size(object)']) assert.equal(isNeverBool(text), true, text)
  for (const text of ['true', 'object.a', '1 < 2']) assert.equal(isNeverBool(text), false, text)
})
