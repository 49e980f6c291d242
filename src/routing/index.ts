/**
 * routing: model routes → compiled tables that decide which route a request takes, and explain it; then where it goes:
 * destination, rewritten path, redirect's location, policy and endpoints of a service. Pure. Laws: the indexed decision
 * equals a scan of all matches in their order, and the order in which routes arrive never matters.
 */
export {
  type CompiledAction,
  type CompiledDestination,
  type CompiledFilter,
  type CompiledForward,
  type CompiledMatch,
  type CompiledPathRewrite,
  type CompiledRedirect,
  type CompiledRoute,
  compileRoute,
  type RouteMatchResult,
} from './compile.ts'
export type { ExplainedMatch, Explanation, PassedOverMatch } from './explain.ts'
export {
  createGatewayTable,
  type GatewayExplanation,
  type GatewayTable,
  type NoRoute,
} from './gateway-table.ts'
export {
  createMeshTable,
  type MeshDecision,
  type MeshExplanation,
  type MeshPlace,
  type MeshTable,
} from './mesh-table.ts'
export { normalizePath, normalizePathBy } from './normalize-path.ts'
export { pickDestination } from './pick.ts'
export { compileFullMatch, type TextTest } from './regex.ts'
export { hostOf, pathOnly, portOf, queryOf, queryParameter, type RouteRequest } from './request.ts'
export { redirectLocation, rewritePath } from './rewrite.ts'
export { createRouteTable, type RouteTable } from './route-table.ts'
export { createSidecarScope, pickSidecar, type ScopeClient, type SidecarScope } from './sidecar-scope.ts'
export { type Endpoint, type Labels, type ResolvedPolicy, resolvePolicy, selectEndpoints } from './service.ts'
