import { createGraph } from '../../../base/index.ts'
import { type CompiledSchema, compileSchema, type KubeObject, parseApiVersion } from '../../../kube/index.ts'
import { istioCrds } from '../../../mesh/resources/index.ts'
import {
  createSources,
  createTranslation,
  DEFAULT_SETTINGS,
  setObject,
} from '../../../mesh/translate/index.ts'
import type { Analyzer } from '../context.ts'
import { createMessage } from '../messages.ts'

const KINDS = [
  'sidecar',
  'proxyConfig',
  'serviceEntry',
  'workloadEntry',
  'destinationRule',
  'virtualService',
  'istioGateway',
] as const

/** What of traffic policies the mesh does not do (LAT0001): as the translation itself says. */
export const notServed: Analyzer = {
  name: 'traffic.NotServedAnalyzer',
  analyze(context) {
    // The translation reads what has passed an API server; what is odd is the schema's to tell.
    const objects = KINDS.flatMap((kind) => context.of(kind).filter(checkOf()))
    if (objects.length === 0) return []
    const graph = createGraph()
    const sources = createSources(graph)
    const { problems } = createTranslation(graph, sources, DEFAULT_SETTINGS)
    graph.transact(() => {
      for (const object of objects) setObject(sources, object)
    })
    return problems.list().flatMap(({ origin, message }) => {
      // Of what is served the other analyzers know more, in Istio's words.
      if (!/\bnot served\b/.test(message)) return []
      const object = objects.find(
        ({ kind, metadata }) =>
          kind === origin.kind &&
          metadata.name === origin.name &&
          (metadata.namespace ?? 'default') === origin.namespace,
      )
      return object === undefined ? [] : [createMessage('LAT0001', object, message)]
    })
  },
}

function checkOf(): (object: KubeObject) => boolean {
  const schemas = new Map<string, CompiledSchema | undefined>()
  return (object) => {
    const { apiVersion, kind } = object
    const key = `${apiVersion} ${kind}`
    if (!schemas.has(key)) schemas.set(key, schemaOf(parseApiVersion(apiVersion).version, kind))
    const schema = schemas.get(key)
    return typeof object.metadata.name === 'string' && schema?.validate(object).length === 0
  }
}

function schemaOf(version: string, kind: string): CompiledSchema | undefined {
  const definition = istioCrds().find(({ spec }) => spec.names.kind === kind)
  const schema = definition?.spec.versions.find((one) => one.name === version)?.schema?.openAPIV3Schema
  return schema && compileSchema(schema)
}
