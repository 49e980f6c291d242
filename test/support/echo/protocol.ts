/** What the echo program and the tests that call it say to each other. */

/** Given as JSON in the request header `x-echo`: how the program is to answer. */
export interface EchoOrder {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly delayMs?: number
  /** Answers with so many bytes (see `patternOf`) instead of the echo. */
  readonly bytes?: number
  /** How the end of the body is told: by its length, in chunks with a trailer, or by closing; `close` with a length. */
  readonly framing?: 'length' | 'trailers' | 'until-close' | 'close'
  /** Answers the first requests of this key with 503 and serves the ones that follow. */
  readonly failures?: { readonly key: string; readonly count: number; readonly status?: number }
}

/** The program's answer unless it is ordered otherwise. */
export interface Echo {
  readonly pod: string
  readonly version: string
  readonly method: string
  readonly path: string
  readonly host: string
  /** Lower case; several of one name are joined by ", ". */
  readonly headers: Readonly<Record<string, string>>
  readonly bodyBytes: number
  readonly bodySha256: string
  readonly trailers: Readonly<Record<string, string>>
  /** How many requests its connection has brought, this one included. */
  readonly requestOfConnection: number
}

export interface Call {
  readonly url: string
  readonly method?: string
  /** `host` decides what is asked for; the URL where it is sent. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly order?: EchoOrder
  readonly body?: string
  /** Sends so many bytes (see `patternOf`). */
  readonly bodyBytes?: number
  /** Sends the body in chunks, with a trailer. */
  readonly chunked?: boolean
  /** Over a connection of its own. */
  readonly fresh?: boolean
  readonly timeoutMs?: number
}

export interface Reply {
  readonly status: number
  /** Lower case; several of one name are joined by ", ". */
  readonly headers: Readonly<Record<string, string>>
  readonly trailers: Readonly<Record<string, string>>
  readonly body: string
  readonly bodyBytes: number
  readonly bodySha256: string
  /** The body, where it is an echo. */
  readonly echo: Echo | undefined
}

/** Ports of the program in its pod. */
export const ECHO_PORTS = {
  http: 8080,
  /** Greets as soon as it is connected, then sends every line back. */
  greeter: 9000,
  /** Makes calls on behalf of a test, out of the pod. */
  control: 7000,
} as const

export type Order =
  | { readonly kind: 'calls'; readonly calls: readonly Call[] }
  /** Sends the messages one by one and waits for each to come back. */
  | {
      readonly kind: 'web-socket'
      readonly url: string
      readonly host?: string
      readonly messages: readonly string[]
    }
  | { readonly kind: 'run'; readonly command: readonly [string, ...string[]]; readonly input?: string }

/** Bytes that tell if any of them is lost, doubled or moved. */
export function patternOf(bytes: number): Buffer {
  const pattern = Buffer.alloc(bytes)
  for (let at = 0; at + 4 <= bytes; at += 4) pattern.writeUInt32BE(Math.imul(at, 2654435761) >>> 0, at)
  return pattern
}
