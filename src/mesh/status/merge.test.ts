import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CONTROLLER_NAME } from '../translate/index.ts'
import { isSameStatus, mergeStatus } from './merge.ts'

const THEN = '2026-01-01T00:00:00Z'
const NOW = '2026-02-02T00:00:00Z'

const accepted = (status: 'True' | 'False', generation = 1) => ({
  type: 'Accepted',
  status,
  observedGeneration: generation,
  reason: 'Accepted',
  message: 'ok',
})
const at = (time: string, condition: object) => ({ ...condition, lastTransitionTime: time })
const parent = (name: string, conditions: readonly object[], controllerName: string = CONTROLLER_NAME) => ({
  parentRef: { name },
  controllerName,
  conditions,
})

describe('conditions', () => {
  test('keep the time of their last transition while their status stays', () => {
    const before = { conditions: [at(THEN, accepted('True', 1))] }
    const merged = mergeStatus(before, { conditions: [accepted('True', 2)] }, NOW)
    assert.deepEqual(merged['conditions'], [at(THEN, accepted('True', 2))])
  })
  test('take the present time when their status changes', () => {
    const before = { conditions: [at(THEN, accepted('True'))] }
    const merged = mergeStatus(before, { conditions: [accepted('False')] }, NOW)
    assert.deepEqual(merged['conditions'], [at(NOW, accepted('False'))])
  })
  test('of other writers stay, but for the placeholder of a new object', () => {
    const foreign = at(THEN, { ...accepted('True'), type: 'Attested' })
    const placeholder = at(THEN, {
      type: 'Programmed',
      status: 'Unknown',
      reason: 'Pending',
      message: 'Waiting for controller',
    })
    const merged = mergeStatus(
      { conditions: [placeholder, foreign] },
      { conditions: [accepted('True')] },
      NOW,
    )
    assert.deepEqual(merged['conditions'], [at(NOW, accepted('True')), foreign])
  })
})

test('a condition of ours that is stated only while it is true goes when it is not', () => {
  const insecure = { ...accepted('True'), type: 'InsecureFrontendValidationMode' }
  const overlapping = { ...accepted('True'), type: 'OverlappingTLSConfig' }
  const listener = (conditions: readonly object[]) => ({ name: 'a', attachedRoutes: 0, conditions })
  const before = {
    conditions: [at(THEN, accepted('True')), at(THEN, insecure)],
    listeners: [listener([at(THEN, accepted('True')), at(THEN, overlapping)])],
  }
  const wanted = { conditions: [accepted('True')], listeners: [listener([accepted('True')])] }
  assert.deepEqual(mergeStatus(before, wanted, NOW), {
    conditions: [at(THEN, accepted('True'))],
    listeners: [listener([at(THEN, accepted('True'))])],
  })
})

test('a member that no longer applies goes, and one that never was changes nothing', () => {
  const wanted = { attachedListenerSets: undefined, addresses: [] }
  assert.deepEqual(mergeStatus({ attachedListenerSets: 1 }, wanted, NOW), { addresses: [] })
  const before = { addresses: [] }
  assert.ok(isSameStatus(before, mergeStatus(before, wanted, NOW)))
})

describe('parents', () => {
  test('of other controllers stay as they are, ours are replaced as a whole', () => {
    const foreign = parent('a', [at(THEN, accepted('True'))], 'example.com/other')
    const before = { parents: [foreign, parent('a', [at(THEN, accepted('True'))]), parent('gone', [])] }
    const merged = mergeStatus(before, { parents: [parent('a', [accepted('True')])] }, NOW)
    assert.deepEqual(merged['parents'], [foreign, parent('a', [at(THEN, accepted('True'))])])
  })
  test('that differ in their section are different parents', () => {
    const http = { ...parent('a', [accepted('True')]), parentRef: { name: 'a', sectionName: 'http' } }
    const before = { parents: [parent('a', [at(THEN, accepted('True'))])] }
    const merged = mergeStatus(before, { parents: [http] }, NOW)
    assert.deepEqual(merged['parents'], [{ ...http, conditions: [at(NOW, accepted('True'))] }])
  })
  test('that are all gone leave an empty list', () => {
    const merged = mergeStatus({ parents: [parent('a', [])] }, { parents: [] }, NOW)
    assert.deepEqual(merged['parents'], [])
  })
})

test('a listener’s conditions keep their times by the listener’s name', () => {
  const listener = (name: string, conditions: readonly object[]) => ({ name, attachedRoutes: 1, conditions })
  const before = { listeners: [listener('b', [at(THEN, accepted('True'))])] }
  const wanted = { listeners: [listener('a', [accepted('True')]), listener('b', [accepted('True')])] }
  assert.deepEqual(mergeStatus(before, wanted, NOW)['listeners'], [
    listener('a', [at(NOW, accepted('True'))]),
    listener('b', [at(THEN, accepted('True'))]),
  ])
})

test('merging what was merged changes nothing, so nothing is written', () => {
  const wanted = {
    addresses: [{ type: 'IPAddress', value: '10.44.0.1' }],
    conditions: [accepted('True')],
    parents: [parent('a', [accepted('False')])],
  }
  const once = mergeStatus({ other: 1 }, wanted, THEN)
  assert.ok(isSameStatus(once, mergeStatus(once, wanted, NOW)))
  assert.equal(once['other'], 1)
})
