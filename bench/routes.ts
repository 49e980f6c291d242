import type { KubeObject } from '../src/kube/index.ts'
import { type KubeClient, KINDS } from '../src/kube/client/index.ts'
import { waitFor } from '../test/support/wait.ts'

const WRITERS = 16
const NAMESPACE = 'demo'
const ALL_ACCEPTED_DEADLINE_MS = 120_000
/** What is added for a moment is numbered from here, above all that stays. */
const PASSING = 1_000_000

export const BACKENDS = [
  { service: 'backend-v1', version: '1.0.0' },
  { service: 'backend-v2', version: '2.0.0' },
] as const

export type Backend = (typeof BACKENDS)[number]

/** The HTTPRoutes of a measurement: one path each, on the demo's gateway. */
export interface Routes {
  readonly size: () => number
  /** Creates routes by 16 writers until there are so many. @returns ms until each of them is Accepted in its status */
  readonly grow: (to: number) => Promise<number>
  readonly path: (index: number) => string
  readonly backend: (index: number) => Backend
  /** Points the route to its other backend. @returns performance.now() when the API server had answered */
  readonly flip: (index: number) => Promise<number>
  /** Adds a route that is not counted. @returns performance.now() when the API server had answered */
  readonly add: (passing: number) => Promise<number>
  readonly remove: (passing: number) => Promise<void>
  readonly passingPath: (passing: number) => string
}

export function createRoutes(client: KubeClient): Routes {
  const backends: Backend[] = []

  async function grow(to: number): Promise<number> {
    const started = performance.now()
    const writer = async (): Promise<void> => {
      while (backends.length < to) {
        const index = backends.push(BACKENDS[0]) - 1
        await client.create(KINDS.httpRoute, route(index, BACKENDS[0]))
      }
    }
    await Promise.all(Array.from({ length: WRITERS }, writer))
    await untilAllAccepted(client, to)
    return performance.now() - started
  }

  return {
    size: () => backends.length,
    grow,
    path: pathOf,
    backend: (index) => backends[index] ?? BACKENDS[0],
    async flip(index) {
      const next = otherThan(backends[index] ?? BACKENDS[0])
      backends[index] = next
      await client.patch(
        KINDS.httpRoute,
        nameOf(index),
        NAMESPACE,
        [{ op: 'replace', path: '/spec/rules/0/backendRefs/0/name', value: next.service }],
        { type: 'json' },
      )
      return performance.now()
    },
    async add(passing) {
      await client.create(
        KINDS.httpRoute,
        route(PASSING + passing, BACKENDS[passing % BACKENDS.length] ?? BACKENDS[0]),
      )
      return performance.now()
    },
    async remove(passing) {
      await client.delete(KINDS.httpRoute, nameOf(PASSING + passing), NAMESPACE)
    },
    passingPath: (passing) => pathOf(PASSING + passing),
  }
}

function otherThan(backend: Backend): Backend {
  return BACKENDS.find((one) => one !== backend) ?? BACKENDS[0]
}

interface RouteWithStatus extends KubeObject {
  readonly status?: {
    readonly parents?: readonly {
      readonly conditions?: readonly { readonly type: string; readonly status: string }[]
    }[]
  }
}

/** Lists them a few times a second: whoever watched all of them would take a share of the time that is measured. */
async function untilAllAccepted(client: KubeClient, count: number): Promise<void> {
  await waitFor(
    `${count} routes to be Accepted`,
    async () => {
      const { items } = await client.list<RouteWithStatus>(KINDS.httpRoute, { namespace: NAMESPACE })
      return items.filter(isAccepted).length >= count
    },
    { deadlineMs: ALL_ACCEPTED_DEADLINE_MS, everyMs: 100 },
  )
}

function isAccepted({ status }: RouteWithStatus): boolean {
  const conditions = status?.parents?.flatMap((parent) => parent.conditions ?? []) ?? []
  return conditions.some((one) => one.type === 'Accepted' && one.status === 'True')
}

function nameOf(index: number): string {
  return `bench-${index}`
}

function pathOf(index: number): string {
  return `/bench-${index}/`
}

/** The backend does not know the path and answers 404, with its version in a header, which is all that is asked of it. */
function route(index: number, backend: Backend): KubeObject {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: nameOf(index), namespace: NAMESPACE },
    spec: {
      parentRefs: [{ name: 'demo-app-gateway' }],
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: pathOf(index) } }],
          backendRefs: [{ name: backend.service, port: 3000 }],
        },
      ],
    },
  }
}
