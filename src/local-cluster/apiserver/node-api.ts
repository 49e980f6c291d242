export interface LogRequest {
  readonly namespace: string
  readonly pod: string
  readonly podUid: string
  readonly container: string
  readonly follow: boolean
  readonly tailLines?: number
  readonly sinceSeconds?: number
  /** RFC 3339 */
  readonly sinceTime?: string
  readonly timestamps: boolean
  readonly previous: boolean
  readonly limitBytes?: number
  readonly signal: AbortSignal
}

/** What the API server asks of the node: the kubelet's API, in our own words. */
export interface NodeApi {
  /** @throws before the first chunk when the container has no log; the message is shown to the user */
  readonly logs: (request: LogRequest) => AsyncIterable<Uint8Array>
}
