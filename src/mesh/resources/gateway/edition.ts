import { GATEWAY_EXPERIMENTAL_GROUP, GATEWAY_GROUP } from '../kinds.ts'

/** One published bundle of the Gateway API. */
export type GatewayApiEdition =
  | { readonly version: 'v1.4.0'; readonly channel: 'standard' }
  | { readonly version: 'v1.6.1'; readonly channel: 'standard' | 'experimental' }

/** What `lateen install` applies. */
export const DEFAULT_EDITION: GatewayApiEdition = { version: 'v1.4.0', channel: 'standard' }

/** Whether fields that came after v1.4.0 are there. */
export function isNewer(edition: GatewayApiEdition): boolean {
  return edition.version === 'v1.6.1'
}

export function isExperimental(edition: GatewayApiEdition): boolean {
  return edition.channel === 'experimental'
}

/** Under which pull request upstream's reviewers let the bundle in. */
const APPROVALS: Readonly<Record<GatewayApiEdition['version'], string>> = {
  'v1.4.0': 'https://github.com/kubernetes-sigs/gateway-api/pull/3328',
  'v1.6.1': 'https://github.com/kubernetes-sigs/gateway-api/pull/4530',
}

/** What all kinds of a bundle have in common. */
export function gatewayKind(edition: GatewayApiEdition) {
  return {
    group: GATEWAY_GROUP,
    categories: ['gateway-api'],
    scope: 'Namespaced',
    hasStatus: true,
    annotations: {
      'api-approved.kubernetes.io': APPROVALS[edition.version],
      'gateway.networking.k8s.io/bundle-version': edition.version,
      'gateway.networking.k8s.io/channel': edition.channel,
    },
  } as const
}

/** What the kinds of the experimental group have in common. */
export function experimentalKind(edition: GatewayApiEdition) {
  return {
    ...gatewayKind(edition),
    group: GATEWAY_EXPERIMENTAL_GROUP,
    versions: [{ name: 'v1alpha1', storage: true }],
  } as const
}

export const STABLE_AND_BETA = [{ name: 'v1', storage: true }, { name: 'v1beta1' }] as const
