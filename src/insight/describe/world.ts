import { createGraph } from '../../base/index.ts'
import { type KubeObject, parseApiVersion } from '../../kube/index.ts'
import {
  createSources,
  createTranslation,
  type MeshSettings,
  serviceHostname,
  setObject,
  type Translation,
} from '../../mesh/translate/index.ts'
import type { Origin, Service } from '../../model/index.ts'
import { namespaceOf } from '../analyze/context.ts'
import { hasLabels, labelsAt } from '../analyze/read.ts'

export type Labels = Readonly<Record<string, string>>

/** The objects as their authors wrote them, and what the mesh makes of them. */
export interface World {
  readonly model: Translation['model']
  readonly settings: MeshSettings
  /** @param group of Kubernetes' API; empty: its core */
  readonly of: (group: string, kind: string, namespace?: string) => readonly KubeObject[]
  /** The rule or route that something of the mesh was made of. */
  readonly written: (origin: Origin) => KubeObject | undefined
  readonly serviceOf: (service: KubeObject) => Service | undefined
  /** `name`, or `name.namespace` where it is not of the namespace that is looked from. */
  readonly nameOf: (object: { readonly name: string; readonly namespace?: string }) => string
}

export function createWorld(
  objects: readonly KubeObject[],
  viewNamespace: string,
  settings: MeshSettings,
): World {
  const graph = createGraph()
  const sources = createSources(graph)
  const { model } = createTranslation(graph, sources, settings)
  graph.transact(() => {
    for (const object of objects) setObject(sources, object)
  })
  return {
    model,
    settings,
    of: (group, kind, namespace) =>
      objects.filter(
        (one) =>
          one.kind === kind &&
          parseApiVersion(one.apiVersion).group === group &&
          (namespace === undefined || namespaceOf(one) === namespace),
      ),
    written: ({ kind, namespace, name }) =>
      objects.find(
        (one) => one.kind === kind && one.metadata.name === name && namespaceOf(one) === namespace,
      ),
    serviceOf(service) {
      const namespace = namespaceOf(service)
      const hostname = serviceHostname(service.metadata.name, namespace, settings)
      return model.services.list().find((one) => one.hostname === hostname && one.namespace === namespace)
    },
    nameOf: ({ name, namespace }) =>
      namespace === undefined || namespace === viewNamespace ? name : `${name}.${namespace}`,
  }
}

/** Of a core kind. */
export function isSelected(pod: KubeObject, service: KubeObject): boolean {
  const selector = labelsAt(service, 'spec', 'selector')
  return Object.keys(selector).length > 0 && hasLabels(labelsAt(pod, 'metadata', 'labels'), selector)
}

export function podsOf(service: KubeObject, world: World): readonly KubeObject[] {
  return world.of('', 'Pod', namespaceOf(service)).filter((pod) => isSelected(pod, service))
}

export function indented(lines: readonly string[], by = 3): readonly string[] {
  return lines.map((line) => `${' '.repeat(by)}${line}`)
}

export const SEPARATOR = '--------------------'
