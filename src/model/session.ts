/**
 * Requests of one client go to the endpoint that served its first one, as long as it is there: the client carries its
 * address, so that every proxy knows it and none has to remember it (Envoy's stateful sessions).
 */
export type SessionPersistence =
  | {
      readonly kind: 'cookie'
      readonly name: string
      readonly path: string
      /** How long the client keeps it; absent: while its own session lasts. */
      readonly maxAgeMs?: number
      /** After so long the session counts no more, whatever the client keeps. */
      readonly endsAfterMs?: number
    }
  | { readonly kind: 'header'; readonly name: string; readonly endsAfterMs?: number }
