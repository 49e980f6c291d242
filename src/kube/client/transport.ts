/** How a request reaches an API server: over HTTPS, or in the server's own process. */
export interface KubeTransport {
  /** Resolves with the whole answer, whatever its status. Rejects when no answer came. */
  readonly request: (request: TransportRequest) => Promise<TransportResponse>
  /**
   * The frames of a watch, until the server ends it.
   * @throws ApiError when the answer is not a watch; any other error when the connection broke
   */
  readonly watch: (request: TransportRequest & { readonly signal: AbortSignal }) => AsyncIterable<WatchFrames>
  /** The bytes of a streamed answer, such as a log. @throws ApiError when the answer is a Status */
  readonly stream: (request: TransportRequest & { readonly signal: AbortSignal }) => AsyncIterable<Uint8Array>
  /** Ends idle connections. */
  readonly close: () => void
}

export interface TransportRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** percent-encoded, without query */
  readonly path: string
  readonly query?: Query
  readonly headers?: Readonly<Record<string, string>>
  /** a JSON value */
  readonly body?: unknown
  readonly signal?: AbortSignal
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

export interface TransportResponse {
  readonly status: number
  /** the JSON value, or the text of another content type */
  readonly body: unknown
}

/** Frames that arrived together. */
export type WatchFrames = readonly { readonly type: string; readonly object: unknown }[]

/** `a=1&b=x`, without the undefined ones; '' when nothing is left. */
export function formatQuery(query: Query | undefined): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) parameters.append(name, String(value))
  }
  return parameters.toString()
}
