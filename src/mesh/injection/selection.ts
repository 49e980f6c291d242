import type { Pod } from '../../kube/index.ts'
import type { ProxySettings } from './settings.ts'

export type Selection =
  | { readonly kind: 'inject' }
  /** The reason is for the log: nobody is refused a pod for it. */
  | { readonly kind: 'skip'; readonly reason: string }

const SWITCH = 'sidecar.istio.io/inject'

/**
 * Whether a pod that the webhook was asked about gets a proxy. The webhook's own selectors have looked at the labels of
 * namespace and pod; what remains is what selectors cannot say.
 */
export function selectPod(pod: Pod, namespace: string, settings: ProxySettings): Selection {
  if (pod.spec.hostNetwork) {
    return { kind: 'skip', reason: 'it uses the host network, whose traffic must not be captured' }
  }
  if (settings.ignoredNamespaces.includes(namespace)) {
    return { kind: 'skip', reason: `namespace ${namespace} is never injected` }
  }
  if (pod.metadata.labels?.['gateway.istio.io/managed'] !== undefined) {
    return { kind: 'skip', reason: 'it is a managed gateway' }
  }
  // The label decides; the annotation of the same name is its older form.
  const wanted = pod.metadata.labels?.[SWITCH] ?? pod.metadata.annotations?.[SWITCH]
  if (wanted !== undefined && !isTrue(wanted)) return { kind: 'skip', reason: `${SWITCH} is ${wanted}` }
  return { kind: 'inject' }
}

/** YAML 1.1's words for true, as Istio reads them. */
function isTrue(text: string): boolean {
  return ['y', 'yes', 'true', 'on'].includes(text.toLowerCase())
}
