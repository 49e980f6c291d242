import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refusals } from './testing.ts'

const backend = { service: { name: 'web', port: { number: 80 } } }
const ingress = (...paths: object[]) => ({ spec: { rules: [{ http: { paths } }] } })

/** Kind, what is asked for, the answers of Kubernetes, what was there before. */
const CASES: readonly (readonly [string, object, readonly string[], object?])[] = [
  [
    'Ingress',
    { spec: {} },
    ['spec: Invalid value: null: either `defaultBackend` or `rules` must be specified'],
  ],
  ['Ingress', ingress({ path: '/', pathType: 'Prefix', backend }), []],
  [
    'Ingress',
    ingress({ path: 'a', pathType: 'Prefix', backend }),
    ['spec.rules[0].http.paths[0].path: Invalid value: "a": must be an absolute path'],
  ],
  [
    'Ingress',
    ingress({ path: '/a//b', pathType: 'Exact', backend }, { path: '/', backend }),
    [
      'spec.rules[0].http.paths[0].path: Invalid value: "/a//b": must not contain \'//\'',
      'spec.rules[0].http.paths[1].pathType: Required value: pathType must be specified',
    ],
  ],
  [
    'Ingress',
    ingress({ path: '/', pathType: 'Regex', backend }),
    [
      'spec.rules[0].http.paths[0].pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"',
    ],
  ],
  [
    'Ingress',
    ingress({
      pathType: 'Prefix',
      backend: { service: { name: 'web', port: { name: 'http', number: 80 } } },
    }),
    [
      'spec.rules[0].http.paths[0].path: Invalid value: "": must be an absolute path',
      'spec.rules[0].http.paths[0].backend: Invalid value: "": cannot set both port name & port number',
    ],
  ],
  [
    'NetworkPolicy',
    { spec: { podSelector: {}, policyTypes: ['All'], ingress: [{ from: [{}] }] } },
    [
      'spec.ingress[0].from[0]: Required value: must specify a peer',
      'spec.policyTypes[0]: Unsupported value: "All": supported values: "Ingress", "Egress"',
    ],
  ],
  [
    'NetworkPolicy',
    { spec: { podSelector: {}, ingress: [{ ports: [{ port: 80, endPort: 70, protocol: 'ICMP' }] }] } },
    [
      'spec.ingress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"',
      'spec.ingress[0].ports[0].endPort: Invalid value: 70: must be greater than or equal to `port`',
    ],
  ],
  [
    'NetworkPolicy',
    {
      spec: {
        podSelector: {},
        egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16'] } }] }],
      },
    },
    [
      'spec.egress[0].to[0].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
    ],
  ],
  [
    'Service',
    { spec: { ports: [{ port: 80 }, { name: 'b', port: 81 }] } },
    ['spec.ports[0].name: Required value'],
  ],
  ['Service', { spec: { type: 'ExternalName' } }, ['spec.externalName: Required value']],
  [
    'Endpoints',
    { subsets: [{ addresses: [{ ip: '127.0.0.1' }] }] },
    [
      'subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
  ],
  [
    'EndpointSlice',
    { addressType: 'IPv4', endpoints: [{ addresses: ['::2'] }] },
    ['endpoints[0].addresses: Invalid value: "::2": must be an IPv4 address'],
  ],
]

test('what is in front of pods: services, ingresses, policies are refused in Kubernetes’ words', () => {
  for (const [kind, object, wanted, old] of CASES) assert.deepEqual(refusals(kind, object, old), wanted)
})
