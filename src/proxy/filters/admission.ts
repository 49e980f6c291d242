/** Whether a connection that is no HTTP may be used. */
export type Admission =
  | Admitted
  /** A service decides. @param done is called once, not within the call; what is returned gives the question up */
  | { readonly kind: 'asked'; readonly ask: (done: (admission: Admitted) => void) => () => void }

/** What has been decided. `flags` are those of the access log. */
export type Admitted =
  | { readonly kind: 'admitted' }
  | { readonly kind: 'refused'; readonly reason: string; readonly flags: number }

export const ADMITTED: Admitted = { kind: 'admitted' }
