import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAddressMap } from './address-map.ts'

test('an address finds what has it, then the networks that hold it, the narrowest first', () => {
  const map = createAddressMap<string>()
  map.add('10.0.0.0/8', 'wide')
  map.add('10.1.0.0/16', 'narrow')
  map.add('10.1.2.3', 'one')
  map.add('10.1.2.3', 'other')
  map.add('fd00::1', 'six')
  assert.deepEqual(map.find('10.1.2.3'), ['one', 'other', 'narrow', 'wide'])
  assert.deepEqual(map.find('10.2.0.1'), ['wide'])
  assert.deepEqual(map.find('11.0.0.1'), [])
  assert.deepEqual(map.find('fd00::1'), ['six'])
})

test('what is removed leaves the others at the same address', () => {
  const map = createAddressMap<string>()
  for (const value of ['a', 'b']) for (const address of ['10.0.0.1', '10.0.0.0/24']) map.add(address, value)
  map.remove('10.0.0.1', 'a')
  map.remove('10.0.0.0/24', 'b')
  assert.deepEqual(map.find('10.0.0.1'), ['b', 'a'])
  map.remove('10.0.0.1', 'b')
  map.remove('10.0.0.0/24', 'a')
  assert.deepEqual(map.find('10.0.0.1'), [])
})
