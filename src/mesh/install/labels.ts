import type { Component } from './profile.ts'
import type { Installation } from './installation.ts'

/** Marks what an installation made; `uninstall` finds it again by these. */
export const COMPONENT_LABEL = 'operator.istio.io/component'
export const REVISION_LABEL = 'istio.io/rev'
const MANAGED_LABEL = 'operator.istio.io/managed'
const VERSION_LABEL = 'operator.istio.io/version'

/** The names that Istio's operator gives to components. */
const COMPONENT_NAMES = {
  base: 'Base',
  pilot: 'Pilot',
  ingress: 'IngressGateways',
  egress: 'EgressGateways',
} as const satisfies Readonly<Record<Component, string>>

export function ownerLabels(
  installation: Installation,
  component: Component,
): Readonly<Record<string, string>> {
  return {
    'app.kubernetes.io/managed-by': 'lateen',
    'app.kubernetes.io/part-of': 'istio',
    'app.kubernetes.io/version': installation.version,
    [COMPONENT_LABEL]: COMPONENT_NAMES[component],
    [MANAGED_LABEL]: 'Reconcile',
    [VERSION_LABEL]: installation.version,
    [REVISION_LABEL]: installation.revision,
    'install.operator.istio.io/owning-resource': 'unknown',
    release: 'istio',
  }
}
