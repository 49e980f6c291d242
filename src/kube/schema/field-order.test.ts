import assert from 'node:assert/strict'
import { test } from 'node:test'
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
