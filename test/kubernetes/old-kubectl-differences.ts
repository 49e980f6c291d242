import type { KNOWN_DIFFERENCES } from './known-differences.ts'

/** What differs only with kubectl 1.20 (`--kubectl=old`), beside the general differences. */
export const OLD_KUBECTL_DIFFERENCES: typeof KNOWN_DIFFERENCES = [
  {
    reason:
      'it checks required fields by OpenAPI 2.0, where our definitions leave them to the server’s validation',
    cases: [
      'server-side-apply: server-side: another manager lets go',
      'server-side-apply: server-side: another manager adds to lists',
      'server-side-apply: server-side: another manager takes one out',
      'server-side-apply: get deployment web -o yaml (2)',
      'admission: apply -f -: a webhook without side effects',
      'invalid: create -f - --dry-run=server: deployment: no selector',
      'invalid: create -f - --dry-run=server: deployment: nothing at all',
      'invalid: create -f - --dry-run=server: ingress: no path type',
    ],
  },
  {
    reason:
      'it shows managed fields: what the server itself has made has none here, and what it adds to a new object counts for the client',
    cases: [
      'create: get namespace create-more -o yaml',
      'get: get service kubernetes -n default -o yaml',
      'get: get clusterrole system:discovery -o yaml',
      'kinds: get daemonset/agent -o yaml',
      'kinds: get priorityclass/system-node-critical -o yaml',
      'custom-resources: get crd widgets.example.com -o yaml',
      'custom-resources: describe crd widgets.example.com',
    ],
  },
]

/** Whose lines kubectl 1.20 prints in an order that changes from run to run. */
export const UNORDERED_BY_OLD_KUBECTL: ReadonlySet<string> = new Set(['kinds: describe configmap/settings'])
