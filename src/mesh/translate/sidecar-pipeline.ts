import type { Collection, Graph } from '../../base/index.ts'
import type { Sidecar } from '../../model/index.ts'
import { serviceSeenFrom } from './istio-api/service-entry.ts'
import { proxyConfigProblems } from './istio-api/proxy-config.ts'
import { type SidecarResult, translateSidecar } from './istio-api/sidecar.ts'
import { namespaceOf } from './names.ts'
import { type Problem, problemsOf } from './problem.ts'
import type { Registry } from './registry-pipeline.ts'
import type { MeshSettings } from './settings.ts'
import type { Sources } from './sources.ts'

export interface SidecarPipeline {
  readonly sidecars: Collection<Sidecar>
  readonly problems: Collection<Problem>
}

export function createSidecarPipeline(
  graph: Graph,
  sources: Sources,
  { registry, settings }: { readonly registry: Registry; readonly settings: MeshSettings },
): SidecarPipeline {
  const results: Collection<SidecarResult> = graph.derive({
    name: 'sidecar results',
    input: sources.sidecars,
    transform: (object, read) => [
      translateSidecar(object, {
        serviceByHost: (namespace, hostname) =>
          serviceSeenFrom(namespace, read.lookup(registry.servicesByHost, hostname)),
        settings,
      }),
    ],
  })
  return {
    sidecars: graph.derive({
      name: 'sidecars of the mesh',
      input: results,
      transform: (result) => [result.sidecar],
    }),
    problems: graph.merge('problems of proxies', [
      graph.derive({
        name: 'sidecar problems',
        input: results,
        transform: ({ sidecar, problems }) => problemsOf(sidecar.origin, problems),
      }),
      graph.derive({
        name: 'proxy config problems',
        input: sources.proxyConfigs,
        transform: (object) =>
          problemsOf(
            { kind: 'ProxyConfig', namespace: namespaceOf(object), name: object.metadata.name },
            proxyConfigProblems(object, settings),
          ),
      }),
    ]),
  }
}
