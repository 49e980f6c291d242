import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refusals } from './testing.ts'

const claim = (accessModes: readonly string[], storage: string) => ({
  spec: { accessModes, resources: { requests: { storage } } },
})
const bound = { status: { phase: 'Bound', capacity: { storage: '2Gi' } } }

/** Kind, what is asked for, the answers of Kubernetes, what was there before. */
const CASES: readonly (readonly [string, object, readonly string[], object?])[] = [
  ['PersistentVolumeClaim', claim(['ReadWriteOnce'], '1Gi'), []],
  [
    'PersistentVolumeClaim',
    claim([], '-1Gi'),
    [
      'spec.accessModes: Required value: at least 1 access mode is required',
      'spec.resources[storage]: Invalid value: "-1Gi": must be greater than zero',
    ],
  ],
  [
    'PersistentVolumeClaim',
    claim(['ReadSometimes'], '1Gi'),
    [
      'spec.accessModes: Unsupported value: "ReadSometimes": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
    ],
  ],
  [
    'PersistentVolumeClaim',
    claim(['ReadWriteOnce', 'ReadWriteOncePod'], '1Gi'),
    ['spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes'],
  ],
  [
    'PersistentVolumeClaim',
    claim(['ReadWriteMany'], '1Gi'),
    [
      'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
    ],
    claim(['ReadWriteOnce'], '1Gi'),
  ],
  [
    'PersistentVolumeClaim',
    { ...claim(['ReadWriteOnce'], '3Gi'), ...bound },
    [],
    { ...claim(['ReadWriteOnce'], '2Gi'), ...bound },
  ],
  [
    'PersistentVolumeClaim',
    { ...claim(['ReadWriteOnce'], '1Gi'), ...bound },
    ['spec.resources.requests.storage: Forbidden: field can not be less than status.capacity'],
    { ...claim(['ReadWriteOnce'], '2Gi'), ...bound },
  ],
  [
    'PersistentVolume',
    { metadata: { name: 'v' }, spec: { hostPath: { path: '/a' } } },
    ['spec.accessModes: Required value', 'spec.capacity: Required value'],
  ],
  [
    'PersistentVolume',
    {
      metadata: { name: 'v' },
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteOnce'],
        nfs: { server: 's', path: '/' },
        hostPath: { path: '/a' },
      },
    },
    ['spec.nfs: Forbidden: may not specify more than 1 volume type'],
  ],
  [
    'StorageClass',
    { metadata: { name: 's' }, provisioner: '', reclaimPolicy: 'Keep' },
    [
      'provisioner: Required value',
      'reclaimPolicy: Unsupported value: "Keep": supported values: "Delete", "Retain"',
    ],
  ],
]

test('what pods keep: claims, volumes, classes are refused in Kubernetes’ words', () => {
  for (const [kind, object, wanted, old] of CASES) assert.deepEqual(refusals(kind, object, old), wanted)
})
