import type { Collection, Graph } from '../../base/index.ts'
import type { Mesh, Telemetry } from '../../model/index.ts'
import { translateTelemetry } from './istio-api/telemetry.ts'
import { type Problem, problemsOf } from './problem.ts'
import type { MeshSettings } from './settings.ts'
import type { Sources } from './sources.ts'

/** What Telemetry objects give. */
export function createTelemetryPipeline(
  graph: Graph,
  sources: Sources,
  from: { readonly mesh: Collection<Mesh>; readonly settings: MeshSettings },
): { readonly telemetry: Collection<Telemetry>; readonly problems: Collection<Problem> } {
  const results = graph.derive({
    name: 'telemetry results',
    input: sources.telemetries,
    transform: (object) => [translateTelemetry(object, from.settings)],
  })
  return {
    telemetry: graph.derive({
      name: 'telemetry',
      input: results,
      transform: (result) => result.telemetry,
    }),
    problems: graph.derive({
      name: 'telemetry problems',
      input: results,
      transform: (result, read) => {
        const known = read.get(from.mesh, 'mesh')?.telemetry?.providers.map(({ name }) => name) ?? []
        const unknown = result.named.flatMap(({ path, name }) =>
          known.includes(name)
            ? []
            : [`${path}: ${name} is no provider of the mesh (MeshConfig extensionProviders)`],
        )
        return problemsOf(result.origin, [...result.problems, ...unknown])
      },
    }),
  }
}
