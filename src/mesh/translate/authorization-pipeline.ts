import type { Collection, Graph, Read } from '../../base/index.ts'
import type { AuthorizationPolicy, Mesh, Origin, RequestAuthentication } from '../../model/index.ts'
import { type KindRef, RESOURCE_KINDS } from '../resources/index.ts'
import { translateAuthorizationPolicy } from './istio-api/authorization-policy.ts'
import { translateRequestAuthentication } from './istio-api/request-authentication.ts'
import { type Problem, problemsOf } from './problem.ts'
import type { MeshSettings } from './settings.ts'
import type { Sources } from './sources.ts'
import { condition, type StatusUpdate } from './status.ts'

/** What AuthorizationPolicies and RequestAuthentications give. */
export interface AuthorizationPipeline {
  readonly authorizationPolicies: Collection<AuthorizationPolicy>
  readonly requestAuthentications: Collection<RequestAuthentication>
  readonly statuses: readonly Collection<StatusUpdate>[]
  readonly problems: readonly Collection<Problem>[]
}

/** A translated object, and what is to be said of it. */
interface Result<T> {
  readonly key: string
  readonly policies: readonly T[]
  readonly gateways: readonly string[]
  readonly problems: readonly string[]
  readonly generation: number
  readonly origin: Origin
}

export function createAuthorizationPipeline(
  graph: Graph,
  sources: Sources,
  from: { readonly mesh: Collection<Mesh>; readonly settings: MeshSettings },
): AuthorizationPipeline {
  const { settings } = from
  const authorizations = graph.derive({
    name: 'authorization policy results',
    input: sources.authorizationPolicies,
    transform: (object) => [translateAuthorizationPolicy(object, settings)],
  })
  const authentications = graph.derive({
    name: 'request authentication results',
    input: sources.requestAuthentications,
    transform: (object) => [translateRequestAuthentication(object, settings)],
  })
  const authorization = tell(graph, sources, {
    kind: RESOURCE_KINDS.authorizationPolicy,
    results: authorizations,
    more: ({ policies }, read) => unknownProviders(policies[0], read.get(from.mesh, 'mesh')),
  })
  const authentication = tell(graph, sources, {
    kind: RESOURCE_KINDS.requestAuthentication,
    results: authentications,
    more: () => [],
  })
  return {
    authorizationPolicies: graph.derive({
      name: 'authorization policies',
      input: authorizations,
      transform: ({ policies }) => policies,
    }),
    requestAuthentications: graph.derive({
      name: 'request authentications',
      input: authentications,
      transform: ({ policies }) => policies,
    }),
    statuses: [authorization.statuses, authentication.statuses],
    problems: [authorization.problems, authentication.problems],
  }
}

function unknownProviders(
  policy: AuthorizationPolicy | undefined,
  mesh: Mesh | undefined,
): readonly string[] {
  if (policy?.action.kind !== 'custom') return []
  const { provider } = policy.action
  if (mesh?.authorizers?.some(({ name }) => name === provider) === true) return []
  return [
    `provider.name: ${provider} is no envoyExtAuthzHttp or envoyExtAuthzGrpc of the mesh (MeshConfig extensionProviders); everything that a rule matches is refused`,
  ]
}

interface Verdict {
  readonly key: string
  readonly generation: number
  readonly origin: Origin
  readonly isAttached: boolean
  readonly problems: readonly string[]
}

/** Conditions and problems of one kind. */
function tell<T>(
  graph: Graph,
  sources: Sources,
  of: {
    readonly kind: KindRef
    readonly results: Collection<Result<T>>
    readonly more: (result: Result<T>, read: Read) => readonly string[]
  },
) {
  const { kind } = of
  const verdicts: Collection<Verdict> = graph.derive({
    name: `${kind.plural} verdicts`,
    input: of.results,
    transform: (result, read) => {
      const { key, generation, origin, gateways } = result
      const missing = gateways.filter(
        (name) => read.get(sources.gateways, `${origin.namespace}/${name}`) === undefined,
      )
      return [
        {
          key,
          generation,
          origin,
          isAttached: result.policies.length > missing.length,
          problems: [
            ...missing.map((name) => `targetRefs: there is no Gateway ${origin.namespace}/${name}`),
            ...result.problems,
            ...of.more(result, read),
          ],
        },
      ]
    },
  })
  return {
    problems: graph.derive({
      name: `${kind.plural} problems`,
      input: verdicts,
      transform: ({ origin, problems }) => problemsOf(origin, problems),
    }),
    statuses: graph.derive({
      name: `${kind.plural} statuses`,
      input: verdicts,
      transform: (verdict) => [statusOf(verdict, kind)],
    }),
  }
}

function statusOf({ generation, origin, isAttached, problems }: Verdict, kind: KindRef): StatusUpdate {
  const { namespace, name } = origin
  const reason = isAttached ? (problems.length === 0 ? 'Accepted' : 'PartiallyInvalid') : 'NotAttached'
  const outcome = {
    status: isAttached,
    reason,
    message: problems.length === 0 ? 'enforced by the proxies that it is for' : problems.join('; '),
  }
  return {
    key: `${kind.kind}/${namespace}/${name}`,
    kind,
    namespace,
    name,
    observedGeneration: generation,
    status: { conditions: [condition(generation, 'Accepted', outcome)] },
  }
}
