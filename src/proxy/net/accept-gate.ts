/**
 * Whether the process accepts connections now. It does not while its predecessor still does so alone, nor once its
 * successor does; connections that come while neither accepts wait in the kernel's queue. It is `leaving` while it
 * accepts but a successor gets ready.
 */
export type GateState = 'open' | 'leaving' | 'closed'

export interface AcceptGate {
  readonly state: () => GateState
  readonly isOpen: () => boolean
  readonly set: (state: GateState) => void
  /** @returns forgets the follower */
  readonly follow: (onChange: (state: GateState) => void) => () => void
}

export function createAcceptGate(initially: GateState): AcceptGate {
  const followers = new Set<(state: GateState) => void>()
  let state = initially
  return {
    state: () => state,
    isOpen: () => state !== 'closed',
    set(next) {
      if (next === state) return
      state = next
      for (const onChange of followers) onChange(state)
    },
    follow(onChange) {
      followers.add(onChange)
      return () => followers.delete(onChange)
    },
  }
}
