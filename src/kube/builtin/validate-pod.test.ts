import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refusals } from './testing.ts'

const pod = (spec: object, container: object = {}) => ({
  spec: { containers: [{ name: 'c', image: 'i', ...container }], ...spec },
})

/** Kind, what is asked for, the answers of Kubernetes, what was there before. */
const CASES: readonly (readonly [string, object, readonly string[], object?])[] = [
  ['Pod', pod({}), []],
  [
    'Pod',
    pod({
      volumes: [
        { name: 'v', hostPath: { path: '' } },
        { name: 'v', emptyDir: {} },
      ],
    }),
    ['spec.volumes[0].hostPath.path: Required value', 'spec.volumes[1].name: Duplicate value: "v"'],
  ],
  [
    'Pod',
    pod({ volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/' } }] }),
    ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type'],
  ],
  [
    'Pod',
    pod({ volumes: [{ name: 'v', configMap: { name: 'c', defaultMode: 0o7777 } }] }),
    [
      'spec.volumes[0].configMap.defaultMode: Invalid value: 4095: must be a number between 0 and 0777 (octal), both inclusive',
    ],
  ],
  [
    'Pod',
    pod({}, { volumeMounts: [{ name: 'none', mountPath: '/a' }] }),
    ['spec.containers[0].volumeMounts[0].name: Not found: "none"'],
  ],
  [
    'Pod',
    pod({ securityContext: { runAsUser: -1 } }),
    ['spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive'],
  ],
  [
    'Pod',
    pod({}, { securityContext: { runAsUser: 2 ** 33 } }),
    [
      'spec.containers[0].securityContext.runAsUser: Invalid value: 8589934592: must be between 0 and 2147483647, inclusive',
    ],
  ],
  [
    'Pod',
    pod({}, { resources: { requests: { cpu: '2', memory: '-1' }, limits: { cpu: '1' } } }),
    [
      'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
      'spec.containers[0].resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0',
    ],
  ],
  [
    'Pod',
    pod({}, { livenessProbe: { httpGet: { port: 0 }, periodSeconds: -1 } }),
    [
      'spec.containers[0].livenessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive',
      'spec.containers[0].livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0',
    ],
  ],
  [
    'Pod',
    pod(
      {},
      {
        ports: [
          { containerPort: 80, name: 'a' },
          { containerPort: 81, name: 'a' },
        ],
      },
    ),
    ['spec.containers[0].ports[1].name: Duplicate value: "a"'],
  ],
  [
    'Pod',
    pod({}, { env: [{ name: 'a=b' }] }),
    [
      'spec.containers[0].env[0].name: Invalid value: "a=b": a valid environment variable name must consist only of printable ASCII characters other than \'=\'',
    ],
  ],
  [
    'Pod',
    pod({}, { envFrom: [{}] }),
    ['spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`'],
  ],
  [
    'Pod',
    pod({ tolerations: [{ key: 'k', operator: 'Exists', value: 'x' }] }),
    ['spec.tolerations[0].operator: Invalid value: "x": value must be empty when `operator` is \'Exists\''],
  ],
  [
    'Pod',
    pod({ topologySpreadConstraints: [{ maxSkew: 0, topologyKey: '', whenUnsatisfiable: 'Never' }] }),
    [
      'spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than 0',
      'spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty',
      'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "Never": supported values: "DoNotSchedule", "ScheduleAnyway"',
    ],
  ],
  [
    'Pod',
    pod({
      affinity: {
        nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } },
      },
    }),
    [
      'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term',
    ],
  ],
]

test('pods are refused in Kubernetes’ words', () => {
  for (const [kind, object, wanted, old] of CASES) assert.deepEqual(refusals(kind, object, old), wanted)
})
