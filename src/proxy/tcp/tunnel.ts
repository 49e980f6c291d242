/** The opening of a tunnel through an HTTP proxy (CONNECT), as Envoy's tunneling_config does it. */
export interface TunnelOpening {
  readonly request: string
  /** Takes bytes of the answer. */
  readonly read: (bytes: Buffer) => TunnelAnswer
}

export type TunnelAnswer =
  | { readonly kind: 'more' }
  /** `rest` is of the tunnel already. */
  | { readonly kind: 'open'; readonly rest: Buffer }
  | { readonly kind: 'refused'; readonly reason: string }

/** A head that does not end before is none. */
const HEAD_BYTES_MAX = 16 * 1024
const HEAD_END = '\r\n\r\n'
const MORE: TunnelAnswer = { kind: 'more' }

/** @param authority `host:port` */
export function openTunnel(authority: string): TunnelOpening {
  let head = Buffer.alloc(0)
  return {
    request: `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`,
    read(bytes) {
      head = Buffer.concat([head, bytes])
      const end = head.indexOf(HEAD_END)
      if (end < 0) {
        return head.length > HEAD_BYTES_MAX ? { kind: 'refused', reason: 'its answer is too long' } : MORE
      }
      const status = /^HTTP\/1\.[01] (\d{3})[ \r]/.exec(head.toString('latin1', 0, end + 2))?.[1]
      if (status === undefined) return { kind: 'refused', reason: 'its answer is no HTTP/1.1' }
      const rest = head.subarray(end + HEAD_END.length)
      if (status.startsWith('1') && status !== '101') {
        // Something is on its way; what follows counts.
        head = Buffer.alloc(0)
        return this.read(rest)
      }
      return status.startsWith('2')
        ? { kind: 'open', rest }
        : { kind: 'refused', reason: `it answers ${status}` }
    },
  }
}
