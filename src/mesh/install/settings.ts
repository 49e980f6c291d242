import { fail, ok, type Result, type Violation } from '../../base/index.ts'

/** What may be set, by path; `*` stands for one member, a path that ends in `.**` for everything below. */
const KNOWN_PATHS: readonly string[] = [
  'profile',
  'hub',
  'tag',
  'revision',
  'namespace',
  'components.base.enabled',
  'components.pilot.enabled',
  'components.ingressGateways[0].enabled',
  'components.egressGateways[0].enabled',
  'meshConfig.accessLogEncoding',
  'meshConfig.accessLogFile',
  'meshConfig.accessLogFormat',
  'meshConfig.connectTimeout',
  'meshConfig.defaultConfig.**',
  'meshConfig.defaultProviders.**',
  'meshConfig.enableAutoMtls',
  'meshConfig.enablePrometheusMerge',
  'meshConfig.enableTracing',
  'meshConfig.extensionProviders.**',
  'meshConfig.ingressControllerMode',
  'meshConfig.ingressSelector',
  'meshConfig.ingressService',
  'meshConfig.outboundTrafficPolicy.mode',
  'meshConfig.pathNormalization.normalization',
  'meshConfig.rootNamespace',
  'meshConfig.trustDomain',
  'meshConfig.trustDomainAliases.**',
  'values.revision',
  'values.global.configValidation',
  'values.global.hub',
  'values.global.imagePullPolicy',
  'values.global.istioNamespace',
  'values.global.logAsJson',
  'values.global.logging.level',
  'values.global.meshID',
  'values.global.multiCluster.clusterName',
  'values.global.network',
  'values.global.platform',
  'values.global.tag',
  'values.global.variant',
  'values.global.proxy.**',
  'values.global.proxy_init.**',
  'values.meshConfig.**',
  'values.pilot.autoscaleEnabled',
  'values.pilot.autoscaleMax',
  'values.pilot.autoscaleMin',
  'values.pilot.cpu.targetAverageUtilization',
  'values.pilot.env.**',
  'values.pilot.image',
  'values.pilot.replicaCount',
  'values.pilot.resources.**',
  'values.pilot.traceSampling',
  'values.sidecarInjectorWebhook.**',
  ...['istio-ingressgateway', 'istio-egressgateway'].flatMap((gateway) =>
    [
      'autoscaleEnabled',
      'autoscaleMax',
      'autoscaleMin',
      'enabled',
      'loadBalancerIP',
      'replicaCount',
      'resources.**',
      'serviceAnnotations.**',
      'type',
    ].map((member) => `values.gateways.${gateway}.${member}`),
  ),
]

/** As `values.global.platform` has it in Istio; they differ in paths of the CNI plugin, which is not part of this. */
const PLATFORMS: readonly string[] = ['', 'gke', 'k3d', 'k3s', 'microk8s', 'minikube', 'openshift']

export type SettingValue = string | number | boolean

/** A tree of settings; lists are numbered members while they are set. */
export type SettingTree = { readonly [name: string]: SettingTree | SettingValue }

/**
 * Reads `--set` arguments such as `values.global.platform=k3s`. Values that read as booleans or whole numbers are such.
 * @returns the tree of all of them (a later one wins), or what is wrong with each
 */
export function parseSettings(args: readonly string[]): Result<SettingTree> {
  const violations: Violation[] = []
  let tree: SettingTree = {}
  for (const argument of args) {
    const equals = argument.indexOf('=')
    const path = argument.slice(0, Math.max(equals, 0)).replace(/^spec\./, '')
    if (equals <= 0) {
      violations.push({
        path: argument,
        message: 'must be path=value, for example values.global.platform=k3s',
      })
    } else if (!isKnown(path)) {
      violations.push({ path, message: `is not a setting${suggestion(path)}` })
    } else
      tree = withSetting(
        tree,
        path.split(/(?<!\\)\./).map(unescapeMember),
        parseValue(argument.slice(equals + 1)),
      )
  }
  const platform = settingAt(tree, 'values.global.platform')
  if (platform !== undefined && !PLATFORMS.includes(String(platform))) {
    const known = PLATFORMS.filter((name) => name !== '').join(', ')
    violations.push({
      path: 'values.global.platform',
      message: `"${String(platform)}" is not one of ${known}`,
    })
  }
  return violations.length > 0 ? fail(violations) : ok(tree)
}

/** @returns undefined when nothing was set there, or only something below */
export function settingAt(tree: SettingTree, path: string): SettingValue | undefined {
  const found = subtreeOf(tree, path.split('.'))
  return typeof found === 'object' ? undefined : found
}

/** What was set below a path, as a plain object. */
export function settingsBelow(tree: SettingTree, path: string): SettingTree {
  const found = subtreeOf(tree, path.split('.'))
  return typeof found === 'object' ? found : {}
}

/** What was set directly below a path, as texts. */
export function textsBelow(tree: SettingTree, path: string): Readonly<Record<string, string>> {
  const leaves = Object.entries(settingsBelow(tree, path)).filter(
    (entry): entry is [string, SettingValue] => typeof entry[1] !== 'object',
  )
  return Object.fromEntries(leaves.map(([name, value]) => [name, String(value)]))
}

/** Lays `over` on `base`, member by member. */
export function mergeTrees(base: SettingTree, over: SettingTree): SettingTree {
  const merged: Record<string, SettingTree | SettingValue> = { ...base }
  for (const [name, value] of Object.entries(over)) {
    const present = merged[name]
    merged[name] =
      typeof value === 'object' && typeof present === 'object' ? mergeTrees(present, value) : value
  }
  return merged
}

function subtreeOf(tree: SettingTree, path: readonly string[]): SettingTree | SettingValue | undefined {
  let current: SettingTree | SettingValue | undefined = tree
  for (const name of path) {
    if (typeof current !== 'object' || !Object.hasOwn(current, name)) return undefined
    current = current[name]
  }
  return current
}

function withSetting(tree: SettingTree, path: readonly string[], value: SettingValue): SettingTree {
  const leaf = path.reduceRight<SettingTree | SettingValue>((inner, name) => ({ [name]: inner }), value)
  return typeof leaf === 'object' ? mergeTrees(tree, leaf) : tree
}

function isKnown(path: string): boolean {
  return KNOWN_PATHS.some((known) => {
    if (known.endsWith('.**')) return path.startsWith(known.slice(0, -2)) && path.length > known.length - 2
    return known === path
  })
}

/** What a mistyped path may have meant: the same member elsewhere, one spelt alike beside it, or what is there. */
function suggestion(path: string): string {
  const members = path.split('.')
  const last = members.at(-1) ?? ''
  const parent = members.slice(0, -1).join('.')
  const siblings = KNOWN_PATHS.filter((known) => parent !== '' && known.startsWith(`${parent}.`))
  const alike = (known: string) => editDistance(known.split('.').at(-1) ?? '', last) <= 2
  const near =
    siblings.find(alike) ??
    KNOWN_PATHS.find((known) => known.split('.').includes(last)) ??
    KNOWN_PATHS.find(alike)
  if (near !== undefined) return `; did you mean ${near}?`
  if (siblings.length === 0)
    return '; settings begin with profile, meshConfig, values, components, hub, tag or revision'
  return `; known there: ${siblings.slice(0, 8).join(', ')}${siblings.length > 8 ? ', …' : ''}`
}

/** Insertions, removals and replacements that make one text of the other. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

function unescapeMember(member: string): string {
  return member.replaceAll('\\.', '.')
}

function parseValue(text: string): SettingValue {
  if (text === 'true') return true
  if (text === 'false') return false
  return /^-?(?:0|[1-9]\d{0,14})$/.test(text) ? Number(text) : text.replace(/^(["'])(.*)\1$/, '$2')
}
