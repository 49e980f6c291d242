import type { Clock, Logger, Random } from '../../base/index.ts'
import type { Store, StoreEvent } from '../store/index.ts'
import type { Admission } from './admission/types.ts'
import type { Authorizer } from './auth/access.ts'
import type { Authenticator } from './auth/authenticate.ts'
import type { TokenIssuer } from './auth/service-account-token.ts'
import type { ObjectTexts } from './list-text.ts'
import type { NodeApi } from './node-api.ts'
import type { WatchFrame } from './request.ts'
import type { Resources } from './resources.ts'
import type { ServiceAllocator } from './kinds/service-allocator.ts'

/** Encoded events by shape, kept as long as somebody holds the event: until the slowest watcher has sent it. */
export type EncodedFrames = WeakMap<StoreEvent, Map<string, WatchFrame>>

/** What every handler of the server works with. */
export interface ServerContext {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly resources: Resources
  readonly admission: Admission
  readonly authorizer: Authorizer
  readonly authenticator: Authenticator
  readonly tokens: TokenIssuer
  readonly services: ServiceAllocator
  readonly encodedFrames: EncodedFrames
  readonly objectTexts: ObjectTexts
  readonly node: () => NodeApi | undefined
}
