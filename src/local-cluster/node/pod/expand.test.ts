import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expandVariables } from './expand.ts'

const variables = new Map([
  ['A', 'one'],
  ['B', '$(A)'],
])
const expand = (text: string) => expandVariables(text, variables)

test('a reference is replaced, once', () => {
  assert.equal(expand('$(A)-$(B)'), 'one-$(A)')
})

test('an undefined reference stays as it is written', () => {
  assert.equal(expand('$(NONE) $(A'), '$(NONE) $(A')
})

test('a doubled dollar sign stands for one, whatever follows', () => {
  assert.equal(expand('$$(A) $$ $$$(A) $A'), '$(A) $ $one $A')
})
