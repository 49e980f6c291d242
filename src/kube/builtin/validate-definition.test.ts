import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refusals } from './testing.ts'

const kind = (spec: object, version: object = {}) => ({
  metadata: { name: 'things.example.org' },
  spec: {
    group: 'example.org',
    scope: 'Namespaced',
    names: { plural: 'things', kind: 'Thing', singular: 'thing', listKind: 'ThingList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object' } },
        ...version,
      },
    ],
    ...spec,
  },
})
const schema = (properties: object, more: object = {}) =>
  kind({}, { schema: { openAPIV3Schema: { type: 'object', properties, ...more } } })
const established = { status: { conditions: [{ type: 'Established', status: 'True' }] } }

/** Kind, what is asked for, the answers of Kubernetes, what was there before. */
const CASES: readonly (readonly [string, object, readonly string[], object?])[] = [
  ['CustomResourceDefinition', kind({}), []],
  [
    'CustomResourceDefinition',
    kind({}, { schema: undefined }),
    ['spec.versions[0].schema.openAPIV3Schema: Required value'],
  ],
  [
    'CustomResourceDefinition',
    schema({ a: { type: 'array' } }),
    ['spec.validation.openAPIV3Schema.properties[a].items: Required value: must be specified'],
  ],
  [
    'CustomResourceDefinition',
    schema({ a: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'map' } }),
    [
      'spec.validation.openAPIV3Schema.properties[a].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map',
      'spec.validation.openAPIV3Schema.properties[a].items.type: Invalid value: "string": must be object if parent array\'s x-kubernetes-list-type is map',
    ],
  ],
  [
    'CustomResourceDefinition',
    schema({ a: { type: 'integer', default: 'x' } }),
    [
      'spec.validation.openAPIV3Schema.properties[a].default: Invalid value: "string":  in body must be of type integer: "string"',
    ],
  ],
  [
    'CustomResourceDefinition',
    schema({ a: { type: 'string', pattern: '(' } }),
    [
      'spec.validation.openAPIV3Schema.properties[a].pattern: Invalid value: "(": must be a valid regular expression, but isn\'t: error parsing regexp: missing closing ): `(`',
    ],
  ],
  [
    'CustomResourceDefinition',
    schema({}, { 'x-kubernetes-validations': [{ rule: 'self.b > 1' }] }),
    [
      'spec.validation.openAPIV3Schema.x-kubernetes-validations[0].rule: Invalid value: {"Rule":"self.b \\u003e 1","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: compilation failed: ERROR: <input>:1:5: undefined field \'b\'\n | self.b > 1\n | ....^',
    ],
  ],
  [
    'CustomResourceDefinition',
    kind({
      scope: 'Planet',
      names: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'Thing' },
    }),
    [
      'spec.scope: Unsupported value: "Planet": supported values: "Cluster", "Namespaced"',
      'spec.names.listKind: Invalid value: "Thing": kind and listKind may not be the same',
    ],
  ],
  [
    'CustomResourceDefinition',
    kind(
      {},
      { subresources: { scale: { specReplicasPath: '.replicas', statusReplicasPath: '.status.replicas' } } },
    ),
    [
      'spec.subresources.scale.specReplicasPath: Invalid value: ".replicas": should be a json path under .spec',
    ],
  ],
  [
    'CustomResourceDefinition',
    kind({}, { additionalPrinterColumns: [{ name: 'a', type: 'text', jsonPath: 'x' }] }),
    [
      'spec.additionalPrinterColumns[0].type: Invalid value: "text": must be one of boolean,date,integer,number,string',
      'spec.additionalPrinterColumns[0].JSONPath: Invalid value: "x": must be a simple json path starting with .',
    ],
  ],
  [
    'CustomResourceDefinition',
    kind({}, { selectableFields: [{ jsonPath: '.spec.x' }] }),
    [
      'spec.selectableFields[0].jsonPath: Invalid value: ".spec.x": is an invalid path: does not refer to a valid field',
    ],
  ],
  [
    'CustomResourceDefinition',
    kind({ conversion: { strategy: 'Webhook' } }),
    [
      'spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook',
      'spec.conversion.conversionReviewVersions: Required value',
    ],
  ],
  [
    'CustomResourceDefinition',
    { ...kind({ scope: 'Cluster' }), ...established },
    [
      'spec.scope: Invalid value: "Cluster": field is immutable',
      'status.storedVersions: Invalid value: null: must have at least one stored version',
    ],
    { ...kind({}), ...established },
  ],
]

test('definitions of kinds are refused in Kubernetes’ words', () => {
  for (const [kind, object, wanted, old] of CASES) assert.deepEqual(refusals(kind, object, old), wanted)
})
