import type { AuthorizationPolicy } from './authorization-policy.ts'
import type { ConnectionRoute } from './connection-route.ts'
import type { Credential } from './credential.ts'
import type { HttpBounds } from './http-bounds.ts'
import type { Listener } from './listener.ts'
import type { Mesh } from './mesh.ts'
import type { PeerAuthentication } from './peer-authentication.ts'
import type { RateLimit } from './rate-limit.ts'
import type { RequestAuthentication } from './request-authentication.ts'
import type { Route } from './route.ts'
import type { Service } from './service.ts'
import type { Sidecar } from './sidecar.ts'
import type { Telemetry } from './telemetry.ts'
import type { Workload } from './workload.ts'

/** Everything that the control plane says to proxies. */
export type ModelObject =
  | Workload
  | Service
  | Credential
  | Listener
  | Route
  | ConnectionRoute
  | RateLimit
  | HttpBounds
  | Mesh
  | Telemetry
  | PeerAuthentication
  | Sidecar
  | RequestAuthentication
  | AuthorizationPolicy

export type ModelType = ModelObject['type']

/**
 * The order in which a proxy takes a push, so that nothing is used before what it needs is there
 * (make before break); removals go the other way. So a port opens when its routes are there, and closes before they go.
 */
export const MODEL_TYPES = [
  'mesh',
  'telemetry',
  'peer-authentication',
  'sidecar',
  'workload',
  'service',
  'credential',
  'rate-limit',
  'http-bounds',
  'request-authentication',
  'authorization-policy',
  'route',
  'connection-route',
  'listener',
] as const satisfies readonly ModelType[]
