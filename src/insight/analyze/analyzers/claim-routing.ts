import type { KubeObject } from '../../../kube/index.ts'
import { type AnalysisContext, type Analyzer, fullName, namespaceOf } from '../context.ts'
import { type Message, createMessage } from '../messages.ts'
import { field, hasLabels, labelsAt, listAt, membersAt, textAt, textsAt } from '../read.ts'

const CLAIMS = '@request.auth.claims'
const ROOT_NAMESPACE = 'istio-system'

/** VirtualServices that look at claims at a gateway where nobody verifies tokens (IST0149): their rules never hold. */
export const claimRouting: Analyzer = {
  name: 'virtualservice.JWTClaimRouteAnalyzer',
  analyze: (context) => context.of('virtualService').flatMap((object) => checkClaims(context, object)),
}

function checkClaims(context: AnalysisContext, object: KubeObject): readonly Message[] {
  const key = claimOf(object)
  if (key === undefined) return []
  return textsAt(object, 'spec', 'gateways').flatMap((reference) => {
    const slash = reference.indexOf('/')
    const namespace = slash < 0 ? namespaceOf(object) : reference.slice(0, slash)
    const gateway = context.find('istioGateway', reference.slice(slash + 1), namespace)
    if (gateway === undefined) return []
    const selector = labelsAt(gateway, 'spec', 'selector')
    return context
      .of('pod')
      .filter((pod) => hasLabels(labelsAt(pod, 'metadata', 'labels'), selector))
      .filter((pod) => !context.of('requestAuthentication').some((policy) => isFor(policy, pod)))
      .map((pod) => createMessage('IST0149', object, key, fullName(gateway), fullName(pod)))
  })
}

function claimOf(object: KubeObject): string | undefined {
  return listAt(object, 'spec', 'http')
    .flatMap((rule) => listAt(rule, 'match'))
    .flatMap((match) => [...membersAt(match, 'headers'), ...membersAt(match, 'withoutHeaders')])
    .map(([name]) => name)
    .find((name) => name.startsWith(CLAIMS))
}

function isFor(policy: KubeObject, pod: KubeObject): boolean {
  const namespace = namespaceOf(policy)
  if (namespace !== ROOT_NAMESPACE && namespace !== namespaceOf(pod)) return false
  const labels = labelsAt(pod, 'metadata', 'labels')
  const refs = [...listAt(policy, 'spec', 'targetRefs'), field(policy, 'spec', 'targetRef')].filter(Boolean)
  if (refs.length === 0) return hasLabels(labels, labelsAt(policy, 'spec', 'selector', 'matchLabels'))
  return refs.some((ref) => labels['gateway.networking.k8s.io/gateway-name'] === textAt(ref, 'name'))
}
