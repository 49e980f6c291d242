import type { Service } from '../../../model/index.ts'
import type { ReferenceGrant } from '../../resources/index.ts'
import type { MeshSettings } from '../settings.ts'
import type { GatewayState } from './gateway.ts'

/** What the translation of a route looks up; each look-up is recorded as a dependency by the pipeline. */
export interface RouteContext {
  readonly gateway: (namespace: string, name: string) => GatewayState | undefined
  readonly namespaceLabels: (name: string) => Readonly<Record<string, string>>
  readonly service: (namespace: string, name: string) => Service | undefined
  readonly serviceByHost: (hostname: string) => Service | undefined
  readonly grants: (namespace: string) => readonly ReferenceGrant[]
  readonly settings: MeshSettings
}
