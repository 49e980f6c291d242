import { createGraph } from '../../../base/index.ts'
import type { KubeObject } from '../../../kube/index.ts'
import {
  createSources,
  createTranslation,
  DEFAULT_SETTINGS,
  setObject,
} from '../../../mesh/translate/index.ts'
import type { AnalysisContext, Analyzer } from '../context.ts'
import { createMessage, type Message } from '../messages.ts'

/** Policies that their authors rely on and of which the mesh does not do all (LAT0001): as the translation itself says. */
export const security: Analyzer = {
  name: 'security.NotEnforcedAnalyzer',
  analyze: (context) =>
    (['authorizationPolicy', 'peerAuthentication', 'requestAuthentication'] as const).flatMap((kind) =>
      context.of(kind).flatMap((object) => messagesOf(object, context)),
    ),
}

/** What a policy may name is there beside it. */
function messagesOf(object: KubeObject, context: AnalysisContext): readonly Message[] {
  const graph = createGraph()
  const sources = createSources(graph)
  const { problems } = createTranslation(graph, sources, DEFAULT_SETTINGS)
  const meshConfig = context.find('configMap', 'istio', DEFAULT_SETTINGS.rootNamespace)
  for (const one of [...context.of('gateway'), ...(meshConfig === undefined ? [] : [meshConfig]), object])
    setObject(sources, one)
  return (
    problems
      .list()
      .filter(({ origin }) => origin.kind === object.kind && origin.name === object.metadata.name)
      // Of a mesh whose settings are not given it cannot be known what it has.
      .filter(({ message }) => meshConfig !== undefined || !message.startsWith('provider.name: '))
      .map(({ message }) => createMessage('LAT0001', object, message))
  )
}
