import assert from 'node:assert/strict'
import { waitFor } from '../wait.ts'
import type { EchoMesh, KubeView } from './mesh.ts'

export interface Condition {
  readonly type: string
  readonly status: string
  readonly reason: string
  readonly observedGeneration: number
}

export interface ParentStatus {
  readonly parentRef: { readonly sectionName?: string; readonly port?: number }
  readonly controllerName: string
  readonly conditions: readonly Condition[]
}

export interface GatewayView extends KubeView {
  readonly status: {
    readonly conditions: readonly Condition[]
    readonly listeners: readonly {
      readonly name: string
      readonly attachedRoutes: number
      readonly supportedKinds: readonly { readonly kind: string }[]
      readonly conditions: readonly Condition[]
    }[]
  }
}

export function parentsOf(route: KubeView): readonly ParentStatus[] {
  const status = route.status as { readonly parents?: readonly ParentStatus[] } | undefined
  assert.ok(status?.parents !== undefined && status.parents.length > 0, 'the route has no status')
  return status.parents
}

export function summary(conditions: readonly Condition[]): string {
  return conditions
    .map(({ type, status, reason }) => `${type}=${status}/${reason}`)
    .sort()
    .join(' ')
}

/** Of each parent, by section name or port; complete and up to date. */
export async function conditionsOf(
  mesh: EchoMesh,
  name: string,
  namespace?: string,
): Promise<Readonly<Record<string, string>>> {
  return waitFor(`the status of HTTPRoute ${name}`, async () => {
    const route = await mesh.get(`httproute/${name}`, namespace)
    const parents = parentsOf(route)
    for (const { controllerName, conditions } of parents) {
      assert.equal(controllerName, 'istio.io/gateway-controller')
      for (const one of conditions) assert.equal(one.observedGeneration, route.metadata.generation)
    }
    return Object.fromEntries(
      parents.map(({ parentRef, conditions }) => [
        String(parentRef.sectionName ?? parentRef.port),
        summary(conditions),
      ]),
    )
  })
}

export function untilConditions(
  mesh: EchoMesh,
  name: string,
  parent: string,
  expected: string,
): Promise<unknown> {
  return waitFor(`HTTPRoute ${name} to be ${expected}`, async () => {
    const found = (await conditionsOf(mesh, name))[parent]
    assert.equal(found, expected)
    return true
  })
}
