import { createGraph } from '../../../base/index.ts'
import type { KubeObject } from '../../../kube/index.ts'
import {
  createSources,
  createTranslation,
  DEFAULT_SETTINGS,
  setObject,
} from '../../../mesh/translate/index.ts'
import type { Analyzer } from '../context.ts'
import { createMessage, type Message } from '../messages.ts'

/** Policies that their authors rely on and that the mesh does not enforce (LAT0001): as the translation itself says. */
export const security: Analyzer = {
  name: 'security.NotEnforcedAnalyzer',
  analyze: (context) =>
    (['authorizationPolicy', 'peerAuthentication', 'requestAuthentication'] as const).flatMap((kind) =>
      context.of(kind).flatMap(messagesOf),
    ),
}

function messagesOf(object: KubeObject): readonly Message[] {
  const graph = createGraph()
  const sources = createSources(graph)
  const { problems } = createTranslation(graph, sources, DEFAULT_SETTINGS)
  setObject(sources, object)
  return problems
    .list()
    .filter(({ origin }) => origin.kind === object.kind)
    .map(({ message }) => createMessage('LAT0001', object, message))
}
