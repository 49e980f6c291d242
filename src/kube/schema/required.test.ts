import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageTypes } from '../fields/message.ts'
import { formatFieldError } from './field-error.ts'
import { missingTexts } from './required.ts'

test('required texts are asked for, also in objects that are missing; not in a status, and not where empty is a value', () => {
  const pod = messageTypes.get('core/v1.Pod') ?? assert.fail()
  const httpGet = { port: 80, httpHeaders: [{ name: '', value: '' }] }
  const container = { name: 'c', livenessProbe: { httpGet } }
  const found = missingTexts(
    { metadata: {}, spec: { containers: [container], volumes: [{}] }, status: { conditions: [{}] } },
    pod,
  )
  assert.deepEqual(found.map(formatFieldError), [
    'spec.volumes[0].name: Required value',
    'spec.containers[0].livenessProbe.httpGet.httpHeaders[0].name: Required value',
  ])
})
