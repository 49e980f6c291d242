export type SettingValue = string | number | boolean

/** What may be set, by path; a path that ends in `.**` stands for everything below. Numbers of lists are left out. */
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
  'components.cni.enabled',
  'components.ztunnel.enabled',
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

/** Settings that take one of a few values. The platforms differ in paths of the CNI plugin, which is not part of this. */
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  'values.global.platform': ['gke', 'k3d', 'k3s', 'microk8s', 'minikube', 'openshift'],
  'values.global.imagePullPolicy': ['Always', 'IfNotPresent', 'Never'],
  'values.gateways.istio-ingressgateway.type': ['ClusterIP', 'LoadBalancer', 'NodePort'],
  'values.gateways.istio-egressgateway.type': ['ClusterIP', 'LoadBalancer', 'NodePort'],
  'meshConfig.accessLogEncoding': ['JSON', 'TEXT'],
  'meshConfig.outboundTrafficPolicy.mode': ['ALLOW_ANY', 'REGISTRY_ONLY'],
}
/** Parts of Istio that may be switched off here, because files often do, and cannot be switched on. */
const ABSENT_PART = /^components\.(cni|ztunnel)\.enabled$/
const FLAG = /\.(enabled|autoscaleEnabled|configValidation|logAsJson)$|^meshConfig\.enable[A-Z]\w*$/
const NUMBER = /\.(replicaCount|autoscaleMin|autoscaleMax|targetAverageUtilization)$/

export function isKnownSetting(path: string): boolean {
  const unnumbered = path.replace(/\[\d+\]/g, '')
  return KNOWN_PATHS.some((known) => {
    if (!known.endsWith('.**')) return known === path
    const below = known.slice(0, -'**'.length)
    return (
      path.startsWith(below) ||
      unnumbered.startsWith(below) ||
      isListItem(path, known.slice(0, -'.**'.length))
    )
  })
}

/** `meshConfig.trustDomainAliases[0]`: an item that is a value and has nothing below. */
function isListItem(path: string, list: string): boolean {
  return path.startsWith(`${list}[`) && /^\[\d+\]$/.test(path.slice(list.length))
}

/** @returns what is wrong with the value of a known setting */
export function settingComplaint(path: string, value: SettingValue): string | undefined {
  const said = `"${String(value)}"`
  const choices = CHOICES[path]
  if (choices && value !== '' && !choices.includes(String(value)))
    return `${said} is not one of ${choices.join(', ')}`
  if (isOpen(path)) return undefined
  if (FLAG.test(path) && typeof value !== 'boolean') return `${said} is not true or false`
  if (ABSENT_PART.test(path) && value === true) return 'is no part of this mesh and can only be false'
  if (NUMBER.test(path) && (typeof value !== 'number' || value < 0)) return `${said} is not a whole number`
  return undefined
}

/** Below these, names are the user's own, such as those of environment variables. */
function isOpen(path: string): boolean {
  return !KNOWN_PATHS.includes(path)
}

/** What a mistyped path may have meant: the same member elsewhere, one spelt alike beside it, or what is there. */
export function suggestSetting(path: string): string {
  const members = path.split('.')
  const last = members.at(-1) ?? ''
  const parent = members.slice(0, -1).join('.')
  const names = KNOWN_PATHS.map((known) => known.replace(/\.\*\*$/, ''))
  const siblings = names.filter((known) => parent !== '' && known.startsWith(`${parent}.`))
  // Of a word of two letters nearly everything is two letters away.
  const distanceMax = Math.min(2, Math.floor(last.length / 2))
  const alike = (known: string) => editDistance(known.split('.').at(-1) ?? '', last) <= distanceMax
  const near =
    siblings.find(alike) ?? names.find((known) => known.split('.').includes(last)) ?? names.find(alike)
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
