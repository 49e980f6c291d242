import type { KubeObject } from '../../../kube/index.ts'
import type { Service } from '../../../model/index.ts'
import type { GRPCRoute, HTTPRoute, ReferenceGrant } from '../../resources/index.ts'
import type { MeshSettings } from '../settings.ts'
import type { GatewayState } from './gateway.ts'

/** An HTTPRoute, or a GRPCRoute in its words. */
export type HttpRouteObject = KubeObject & Pick<HTTPRoute, 'spec'>

/** What the translation of a route looks up; each look-up is recorded as a dependency by the pipeline. */
export interface RouteContext {
  readonly gateway: (namespace: string, name: string) => GatewayState | undefined
  /** Of a ListenerSet, the Gateway of ours that is its parent, whether it takes the set or not. */
  readonly gatewayOfSet: (namespace: string, name: string) => GatewayState | undefined
  readonly namespaceLabels: (name: string) => Readonly<Record<string, string>>
  readonly service: (namespace: string, name: string) => Service | undefined
  /** Those with the Service among their parents. */
  readonly grpcRoutesOf: (namespace: string, service: string) => readonly GRPCRoute[]
  readonly serviceByHost: (hostname: string) => Service | undefined
  /** Undefined: references to other namespaces need none. */
  readonly grants: ((namespace: string) => readonly ReferenceGrant[]) | undefined
  readonly settings: MeshSettings
}
