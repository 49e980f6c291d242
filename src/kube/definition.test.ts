import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resourceInfosOf } from './definition.ts'
import type { CustomResourceDefinition } from './types/extension.ts'

const version = (name: string, more: object = {}) => ({ name, served: true, storage: false, ...more })

test('a deprecated version warns in its own words, or points to the newest that is not', () => {
  const versions = [
    version('v1beta1', { deprecated: true }),
    version('v1alpha1', { deprecated: true, deprecationWarning: 'go on' }),
    version('v1', { selectableFields: [{ jsonPath: '.spec.color' }] }),
    version('v2', { served: false }),
  ]
  const names = { plural: 'things', kind: 'Thing' }
  const definition: CustomResourceDefinition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'things.example.org' },
    spec: { group: 'example.org', scope: 'Namespaced', names, versions },
  }
  assert.deepEqual(
    resourceInfosOf(definition).map((info) => [info.version, info.deprecationWarning, info.selectableFields]),
    [
      ['v1', undefined, ['spec.color']],
      ['v1beta1', 'example.org/v1beta1 Thing is deprecated; use example.org/v1 Thing', []],
      ['v1alpha1', 'go on', []],
    ],
  )
})
