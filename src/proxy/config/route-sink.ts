import type { RouteName } from '../../model/index.ts'
import type { CompiledRoute } from '../../routing/index.ts'

/** Where routes go: the tables of the gateway's ports, or the one of the mesh. */
export interface RouteSink {
  readonly setRoute: (route: CompiledRoute) => void
  readonly deleteRoute: (key: RouteName) => void
  /** Called once after each accepted batch. */
  readonly changed: (changes: { readonly listeners: boolean; readonly mesh: boolean }) => void
}
