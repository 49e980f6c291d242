/** The import table of the design: folder under src → what it may import beside `base` and itself. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  kube: ['proto'],
  'local-cluster': ['kube', 'linux', 'proto'],
  model: [],
  routing: ['model'],
  policy: ['model'],
  proto: [],
  linux: [],
  xds: ['model', 'proto'],
  mesh: ['kube', 'model', 'xds', 'telemetry', 'proto'],
  envoy: ['model', 'proto', 'xds'],
  proxy: ['model', 'routing', 'policy', 'xds', 'telemetry', 'linux', 'proto'],
  telemetry: ['model', 'proto'],
  standalone: ['kube', 'model', 'mesh', 'proxy', 'telemetry'],
  insight: ['kube', 'model', 'routing', 'policy', 'mesh'],
  dashboard: ['kube', 'telemetry', 'insight'],
  cli: [
    'kube',
    'local-cluster',
    'model',
    'routing',
    'policy',
    'proto',
    'linux',
    'xds',
    'mesh',
    'envoy',
    'proxy',
    'telemetry',
    'standalone',
    'insight',
    'dashboard',
  ],
}

/** Folders within folders that outsiders may enter by a door of their own. */
export const SUB_DOORS = [
  'src/kube/client',
  'src/xds/client',
  'src/xds/ca',
  'src/xds/types',
  'src/mesh/resources',
  'src/mesh/translate',
  'src/local-cluster/store',
  'src/local-cluster/apiserver',
  'src/local-cluster/controllers',
  'src/local-cluster/node',
  'src/local-cluster/rootless',
  'src/proxy/host',
  'src/mesh/install',
  'src/mesh/istiod',
  'src/local-cluster/service-proxy',
  'src/local-cluster/dns',
  'src/xds/server',
] as const

/** Narrower than the folder's row: these outsiders may come in only by these doors. */
export const ONLY_BY: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  insight: { mesh: ['src/mesh/resources', 'src/mesh/translate'] },
  standalone: { mesh: ['src/mesh/resources', 'src/mesh/translate'] },
  proxy: { xds: ['src/xds/client', 'src/xds/ca', 'src/xds/types', 'src/xds'] },
  dashboard: { kube: ['src/kube/client'] },
}

/** Pure: no I/O, clock, randomness or process. */
export const PURE = [
  'src/base',
  'src/kube',
  'src/model',
  'src/routing',
  'src/policy',
  'src/proto',
  'src/mesh/resources',
  'src/mesh/translate',
  'src/envoy',
  'src/insight',
  'src/xds/types',
] as const

/** The files of pure folders that are the effects' parameters themselves. */
export const PURE_EXCEPT = [
  'src/kube/client/',
  'src/base/clock.ts',
  'src/base/on-demand.ts',
  'src/base/random.ts',
] as const

/** Node modules without effects. */
export const PURE_MODULES = [
  'node:crypto',
  'node:util',
  'node:buffer',
  'node:assert',
  'node:assert/strict',
  'node:net#isIP',
] as const

/** What must not be in a pure file's code, and what to use instead. */
export const IMPURE_CODE: readonly { readonly pattern: RegExp; readonly instead: string }[] = [
  { pattern: /\bDate\.now\(|\bnew Date\(\s*\)/, instead: 'a Clock parameter' },
  { pattern: /\bMath\.random\(|\brandomUUID\(|\brandomBytes\(/, instead: 'a Random parameter' },
  { pattern: /\bprocess\./, instead: 'a parameter' },
  { pattern: /\bperformance\.now\(/, instead: 'a Clock parameter' },
  { pattern: /\bset(?:Timeout|Interval|Immediate)\(/, instead: 'a Clock parameter' },
  { pattern: /\bconsole\./, instead: 'a Logger parameter' },
  { pattern: /\bfetch\(/, instead: 'an effect at the edge' },
]

/** Ratchets: they only tighten. A file that holds types or tables alone may be longer. */
export const FILE_LINES_MAX = 500
export const TABLE_LINES_MAX = 800
export const FUNCTION_LINES_MAX = 70
