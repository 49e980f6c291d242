/** What a balancer looks at. */
export interface Balanced {
  /** Positive. */
  readonly weight: number
  /** Requests or connections under way. */
  readonly active: () => number
}

/** The same with what never changes about it. */
export interface Placed extends Balanced {
  readonly address: string
}
