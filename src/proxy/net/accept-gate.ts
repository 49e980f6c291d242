/**
 * Whether the process accepts connections now. It does not while its predecessor still does so alone, nor once its
 * successor does; connections that come while neither accepts wait in the kernel's queue.
 */
export interface AcceptGate {
  readonly isOpen: () => boolean
  readonly set: (open: boolean) => void
  /** @returns forgets the follower */
  readonly follow: (onChange: (open: boolean) => void) => () => void
}

export function createAcceptGate(initially: boolean): AcceptGate {
  const followers = new Set<(open: boolean) => void>()
  let isOpen = initially
  return {
    isOpen: () => isOpen,
    set(open) {
      if (open === isOpen) return
      isOpen = open
      for (const onChange of followers) onChange(open)
    },
    follow(onChange) {
      followers.add(onChange)
      return () => followers.delete(onChange)
    },
  }
}
