/** What decisions look at in a request. The proxy's request implements it; nothing is copied. */
export interface RequestFacts {
  readonly method: string
  /** As received: it may carry a port. */
  readonly authority: string
  /** Normalised, as routing and the application see it, with the query. */
  readonly path: string
  /** By lower-case name; several lines joined by commas. */
  readonly header: (name: string) => string | undefined
  /** Of the client, as proxies that are believed have seen it. */
  readonly clientAddress: () => string
  /** What its verified token says; undefined: it has none. */
  readonly auth?: RequestAuth | undefined
}

/** A token that has been verified. */
export interface RequestAuth {
  readonly claims: Readonly<Record<string, unknown>>
  readonly issuer: string
  readonly subject: string | undefined
}
