import { fail, ok, type Result } from '../../base/index.ts'
import type { ResourceRequirements } from '../../kube/index.ts'
import {
  type Component,
  COMPONENTS,
  isProfileName,
  PROFILES,
  type ProfileName,
  profileOf,
} from './profile.ts'
import { mergeTrees, parseSettings, settingAt, type SettingTree, textsBelow } from './settings.ts'

/** An installation as it was asked for: everything that its objects are made from. */
export interface Installation {
  readonly profile: ProfileName
  readonly components: readonly Component[]
  readonly namespace: string
  /** `default` for an unnamed one. */
  readonly revision: string
  /** Of this program; it is also the tag of the images. */
  readonly version: string
  readonly hub: string
  readonly tag: string
  readonly trustDomain: string
  readonly clusterDomain: string
  readonly clusterId: string
  readonly imagePullPolicy: string | undefined
  readonly logLevel: string
  /** Profile and user's settings together. */
  readonly settings: SettingTree
}

export interface InstallationRequest {
  /** Settings of IstioOperator files, a later one over an earlier one. */
  readonly files?: readonly SettingTree[]
  /** Arguments of `--set`, over all files. */
  readonly set: readonly string[]
  readonly profile?: string
  readonly revision?: string
  readonly version: string
}

/** @returns the installation, or what is wrong with the settings */
export function planInstallation(request: InstallationRequest): Result<Installation> {
  const parsed = parseSettings(request.set)
  if (!parsed.ok) return parsed
  const asked = [...(request.files ?? []), parsed.value].reduce(mergeTrees, {})
  const name = String(settingAt(asked, 'profile') ?? request.profile ?? 'default')
  if (!isProfileName(name)) {
    const message = `"${name}" is not a profile of this program: ${PROFILES.join(', ')}`
    return fail([{ path: 'profile', message }])
  }
  const profile = profileOf(name)
  const settings = mergeTrees(profile.settings, asked)
  const text = (...paths: readonly string[]): string | undefined => {
    const value = paths.map((path) => settingAt(settings, path)).find((found) => found !== undefined)
    return value === undefined ? undefined : String(value)
  }
  const revision = request.revision ?? text('revision', 'values.revision')
  return ok({
    profile: name,
    components: COMPONENTS.filter((component) => isEnabled(component, profile.components, settings)),
    namespace: text('namespace', 'values.global.istioNamespace') ?? 'istio-system',
    revision: revision === undefined || revision === '' ? 'default' : revision,
    version: request.version,
    hub: text('hub', 'values.global.hub') ?? 'docker.io/istio',
    tag: text('tag', 'values.global.tag') ?? request.version,
    trustDomain: text('meshConfig.trustDomain', 'values.meshConfig.trustDomain') ?? 'cluster.local',
    clusterDomain: text('values.global.proxy.clusterDomain') ?? 'cluster.local',
    clusterId: text('values.global.multiCluster.clusterName') ?? 'Kubernetes',
    imagePullPolicy: text('values.global.imagePullPolicy'),
    logLevel: text('values.global.logging.level') ?? 'default:info',
    settings,
  })
}

const COMPONENT_SWITCHES: Readonly<Record<Component, readonly (readonly string[])[]>> = {
  base: [['components', 'base', 'enabled']],
  pilot: [['components', 'pilot', 'enabled']],
  ingress: [
    ['components', 'ingressGateways[0]', 'enabled'],
    ['values', 'gateways', 'istio-ingressgateway', 'enabled'],
  ],
  egress: [
    ['components', 'egressGateways[0]', 'enabled'],
    ['values', 'gateways', 'istio-egressgateway', 'enabled'],
  ],
}

function isEnabled(component: Component, byProfile: readonly Component[], settings: SettingTree): boolean {
  for (const path of COMPONENT_SWITCHES[component]) {
    const value = settingAt(settings, path.join('.'))
    if (typeof value === 'boolean') return value
  }
  return byProfile.includes(component)
}

/** `istiod`, or `istiod-canary` for a named revision. */
export function revisioned(name: string, installation: Installation): string {
  return installation.revision === 'default' ? name : `${name}-${installation.revision}`
}

export function numberSetting(installation: Installation, path: string, fallback: number): number {
  const value = settingAt(installation.settings, path)
  return typeof value === 'number' ? value : fallback
}

export function flagSetting(installation: Installation, path: string, fallback: boolean): boolean {
  const value = settingAt(installation.settings, path)
  return typeof value === 'boolean' ? value : fallback
}

export function textSetting(installation: Installation, path: string): string | undefined {
  const value = settingAt(installation.settings, path)
  return value === undefined ? undefined : String(value)
}

/** What was set of requests and limits, laid over the defaults. */
export function resourceSetting(
  installation: Installation,
  path: string,
  fallback: ResourceRequirements,
): ResourceRequirements {
  const part = (name: 'requests' | 'limits') => ({
    ...fallback[name],
    ...textsBelow(installation.settings, `${path}.${name}`),
  })
  return { requests: part('requests'), limits: part('limits') }
}
