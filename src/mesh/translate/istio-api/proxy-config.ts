import type { ProxyConfig } from '../../resources/index.ts'
import type { MeshSettings } from '../settings.ts'

/** What of a ProxyConfig has no effect; its variables are the injector's. */
export function proxyConfigProblems(
  { metadata, spec = {} }: ProxyConfig,
  settings: MeshSettings,
): readonly string[] {
  const problems: string[] = []
  const isOfMesh = metadata.namespace === settings.rootNamespace
  if (typeof spec.concurrency === 'number')
    problems.push(
      'spec.concurrency is not served: the workers of a node’s proxies are shared (--concurrency)',
    )
  if ((spec.image?.imageType ?? '') !== '')
    problems.push('spec.image is not served: the node runs its own proxy')
  if (isOfMesh && Object.keys(spec.selector?.matchLabels ?? {}).length > 0)
    problems.push('spec.selector in the root namespace selects nothing, as in Istio: the object is not used')
  return problems
}
