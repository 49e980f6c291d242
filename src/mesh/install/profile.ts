import type { SettingTree } from './settings.ts'

/** Istio's profiles, as far as their parts exist here. */
export const PROFILES = ['default', 'demo', 'minimal', 'empty'] as const
export type ProfileName = (typeof PROFILES)[number]

export const COMPONENTS = ['base', 'pilot', 'ingress', 'egress'] as const
export type Component = (typeof COMPONENTS)[number]

export interface Profile {
  readonly components: readonly Component[]
  /** Laid under what the user sets. */
  readonly settings: SettingTree
}

const SMALL = (memory: string): SettingTree => ({ requests: { cpu: '10m', memory } })

export function profileOf(name: ProfileName): Profile {
  switch (name) {
    case 'default':
      return { components: ['base', 'pilot', 'ingress'], settings: {} }
    case 'minimal':
      return { components: ['base', 'pilot'], settings: {} }
    case 'empty':
      return { components: [], settings: {} }
    default:
      return { components: ['base', 'pilot', 'ingress', 'egress'], settings: DEMO_SETTINGS }
  }
}

/** Everything on, everything small, every request logged. */
const DEMO_SETTINGS: SettingTree = {
  meshConfig: { accessLogFile: '/dev/stdout' },
  values: {
    pilot: { autoscaleEnabled: false, traceSampling: 100, resources: SMALL('100Mi') },
    global: { proxy: { resources: SMALL('40Mi') } },
    gateways: {
      'istio-ingressgateway': { autoscaleEnabled: false, resources: SMALL('40Mi') },
      'istio-egressgateway': { autoscaleEnabled: false, resources: SMALL('40Mi') },
    },
  },
}

export function isProfileName(text: string): text is ProfileName {
  return (PROFILES as readonly string[]).includes(text)
}
