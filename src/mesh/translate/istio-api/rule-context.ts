import type { Service } from '../../../model/index.ts'

/** What the translation of a VirtualService's rules looks up. */
export interface RuleContext {
  readonly namespace: string
  readonly serviceByHost: (hostname: string) => Service | undefined
  /** Makes a short host name fully qualified. */
  readonly resolveHost: (host: string) => string
}
