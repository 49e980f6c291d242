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
import { field, listAt } from '../read.ts'

/** Patches of Envoy's configuration, of which the mesh does only some (LAT0001): as the translation itself says. */
export const envoyFilters: Analyzer = {
  name: 'envoyfilter.NotServedAnalyzer',
  analyze: (context) => context.of('envoyFilter').flatMap(messagesOf),
}

function messagesOf(given: KubeObject): readonly Message[] {
  // What is odd beyond this is the schema's to tell.
  const targetRefs = listAt(given, 'spec', 'targetRefs').filter((one) => field(one, 'name') !== undefined)
  const object = { ...given, spec: { configPatches: listAt(given, 'spec', 'configPatches'), targetRefs } }
  const graph = createGraph()
  const sources = createSources(graph)
  const { problems } = createTranslation(graph, sources, DEFAULT_SETTINGS)
  setObject(sources, object)
  return problems
    .list()
    .filter(({ origin }) => origin.kind === 'EnvoyFilter')
    .map(({ message }) => createMessage('LAT0001', given, message))
}
