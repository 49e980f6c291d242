import { GATEWAY_GROUP } from '../../../mesh/resources/index.ts'
import type { KubeObject } from '../../../kube/index.ts'
import { type AnalysisContext, type Analyzer, namespaceOf } from '../context.ts'
import { type Message, createMessage } from '../messages.ts'
import { field, listAt, textAt } from '../read.ts'

/**
 * Gateway API routes with a missing Gateway or Service (IST0101). A route that a controller has looked at says so in
 * its conditions (IST0171); this is for those that none has: files, and routes whose Gateway does not exist.
 */
export const routeReferences: Analyzer = {
  name: 'lateen.RouteReferenceAnalyzer',
  analyze: (context) =>
    [...context.of('httpRoute'), ...context.of('grpcRoute')]
      .filter((object) => listAt(object, 'status', 'parents').length === 0)
      .flatMap((object) => [...checkParents(context, object), ...checkBackends(context, object)]),
}

function checkParents(context: AnalysisContext, object: KubeObject): readonly Message[] {
  return listAt(object, 'spec', 'parentRefs').flatMap((reference) => {
    const kind = textAt(reference, 'kind') ?? 'Gateway'
    const group = field(reference, 'group') ?? GATEWAY_GROUP
    if (kind !== 'Gateway' || group !== GATEWAY_GROUP) return []
    return checkExists(context, object, reference, 'gateway')
  })
}

function checkBackends(context: AnalysisContext, object: KubeObject): readonly Message[] {
  return listAt(object, 'spec', 'rules')
    .flatMap((rule) => listAt(rule, 'backendRefs'))
    .flatMap((reference) => {
      const kind = textAt(reference, 'kind') ?? 'Service'
      const group = field(reference, 'group') ?? ''
      return kind === 'Service' && group === '' ? checkExists(context, object, reference, 'service') : []
    })
}

function checkExists(
  context: AnalysisContext,
  object: KubeObject,
  reference: unknown,
  kind: 'gateway' | 'service',
): readonly Message[] {
  const name = textAt(reference, 'name') ?? ''
  const namespace = textAt(reference, 'namespace') ?? namespaceOf(object)
  if (context.find(kind, name, namespace) !== undefined) return []
  return [createMessage('IST0101', object, kind === 'service' ? 'host' : 'gateway', `${name}.${namespace}`)]
}
