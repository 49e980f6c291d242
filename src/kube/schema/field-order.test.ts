import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { messageTypes } from '../fields/message.ts'
import { invalid, required } from './field-error.ts'
import { inFieldOrder } from './field-order.ts'

const POD = messageTypes.get('core/v1.Pod') ?? assert.fail()
const pathsOf = (errors: ReturnType<typeof inFieldOrder>) => errors.map(({ path }) => path)

test('what a table finds stands where its field is, what a check has said is not said again', () => {
  const own = [required('spec.containers[0].name'), required('spec.nodeName')]
  const ofTable = [
    invalid('spec.containers[0].image', 1, 'x'),
    required('spec.containers[0].name'),
    required('spec.volumes[0].name'),
  ]
  assert.deepEqual(pathsOf(inFieldOrder(own, ofTable, POD)), [
    'spec.volumes[0].name',
    'spec.containers[0].name',
    'spec.containers[0].image',
    'spec.nodeName',
  ])
})

test('the checks keep the order that they speak in', () => {
  const own = [required('spec.nodeName'), required('metadata.name')]
  assert.deepEqual(pathsOf(inFieldOrder(own, [], POD)), ['spec.nodeName', 'metadata.name'])
})

test('each stands behind the last that is not after it, as if they came one by one', () => {
  const places = [
    'spec.volumes',
    'spec.containers',
    'spec.containers[0].name',
    'spec.containers[1]',
    'spec.nodeName',
  ]
  const paths = fc.array(fc.constantFrom(...places), { minLength: 1, maxLength: 8 })
  const own = (path: string) => required(path)
  const table = (path: string, index: number) => invalid(`${path}.x${index}`, index, 'x')
  const rank = (path: string) =>
    places.findLastIndex((one) => path === one || path.startsWith(`${one}.x`)) * 2 +
    Number(path.includes('.x'))
  fc.assert(
    fc.property(paths, paths, (said, found) => {
      const merged = said.map(own)
      for (const error of found.map(table)) {
        const before = merged.findLastIndex(({ path }) => rank(path) <= rank(error.path))
        merged.splice(before + 1, 0, error)
      }
      assert.deepEqual(pathsOf(inFieldOrder(said.map(own), found.map(table), POD)), pathsOf(merged))
    }),
  )
})
