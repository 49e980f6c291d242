import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refusals } from './testing.ts'

const hook = (changes: object) => ({
  webhooks: [
    {
      name: 'a.b.c',
      admissionReviewVersions: ['v1'],
      clientConfig: { url: 'https://x/' },
      sideEffects: 'None',
      ...changes,
    },
  ],
})
const rule = { apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }
const policy = (spec: object) => ({
  spec: { matchConstraints: { resourceRules: [rule] }, validations: [{ expression: 'true' }], ...spec },
})

/** Kind, what is asked for, the answers of Kubernetes, what was there before. */
const CASES: readonly (readonly [string, object, readonly string[], object?])[] = [
  ['ValidatingWebhookConfiguration', hook({}), []],
  [
    'ValidatingWebhookConfiguration',
    hook({ sideEffects: undefined }),
    ['webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun'],
  ],
  [
    'ValidatingWebhookConfiguration',
    hook({ name: 'a', timeoutSeconds: 40, admissionReviewVersions: [] }),
    [
      'webhooks[0].name: Invalid value: "a": should be a domain with at least three segments separated by dots',
      'webhooks[0].timeoutSeconds: Invalid value: 40: the timeout value must be between 1 and 30 seconds',
      'webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1',
    ],
  ],
  [
    'MutatingWebhookConfiguration',
    hook({ clientConfig: { url: 'http://x/#a' } }),
    [
      'webhooks[0].clientConfig.url: Invalid value: "http": \'https\' is the only allowed URL scheme; desired format: https://host[/path]',
      'webhooks[0].clientConfig.url: Invalid value: "a": fragments are not permitted in the URL',
    ],
  ],
  ['ValidatingAdmissionPolicy', policy({}), []],
  [
    'ValidatingAdmissionPolicy',
    policy({ validations: [{}], matchConstraints: undefined }),
    [
      'spec.matchConstraints: Required value',
      'spec.validations[0].expression: Required value: expression is not specified',
    ],
  ],
  [
    'ValidatingAdmissionPolicy',
    policy({ variables: [{ name: 'a b', expression: '1' }] }),
    ['spec.variables[0].name: Invalid value: "a b": must be a valid CEL identifier'],
  ],
]

test('webhooks and policies are refused in Kubernetes’ words', () => {
  for (const [kind, object, wanted, old] of CASES) assert.deepEqual(refusals(kind, object, old), wanted)
})
