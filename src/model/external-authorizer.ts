import type { HeaderValue } from './route.ts'

/** A service that decides over requests for the mesh (MeshConfig extensionProviders, envoyExtAuthz…). */
export interface ExternalAuthorizer {
  readonly name: string
  /** A host name of the mesh. */
  readonly host: string
  /** The namespace that the service was named in, if it was: `foo/authz.example.com`. */
  readonly namespace?: string
  readonly port: number
  readonly timeoutMs: number
  /** When it does not answer, requests pass. */
  readonly failsOpen: boolean
  /** Of the answer to a request that could not be decided on. */
  readonly statusOnError: number
  /** Absent: it does not get to see bodies. */
  readonly body?: {
    readonly bytesMax: number
    /** What is longer is shown cut off; else such a request is refused. */
    readonly mayBePartial: boolean
    /** As bytes, not as text (gRPC). */
    readonly isRaw: boolean
  }
  /** Absent: it speaks gRPC (`envoy.service.auth.v3`). */
  readonly http?: HttpAuthorizer
}

/** Names of fields in lower case: exact, `prefix*`, `*suffix` or `*`. */
export interface HttpAuthorizer {
  readonly pathPrefix: string
  /** Fields of the request that it gets to see, beside `authorization` and what every request has. */
  readonly requestFields: readonly string[]
  /** Fields that it gets as well. */
  readonly addedFields: readonly HeaderValue[]
  /** Fields of its answer that go on with an allowed request. */
  readonly upstreamFields: readonly string[]
  /** Fields of its answer that the client of an allowed request gets. */
  readonly allowedClientFields: readonly string[]
  /** Fields of its answer that the client of a refused request gets; empty: all. */
  readonly deniedClientFields: readonly string[]
}
