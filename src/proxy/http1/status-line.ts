import { STATUS_CODES } from 'node:http'

/** Reasons in Envoy's wording; it writes its own, whatever the server said. */
const LINES: readonly (Buffer | undefined)[] = Array.from({ length: 600 }, (_, status) =>
  STATUS_CODES[status] === undefined
    ? undefined
    : Buffer.from(`HTTP/1.1 ${status} ${reasonOf(status)}\r\n`, 'latin1'),
)

/** The first line of a response, CR LF included. */
export function statusLine(status: number): Buffer {
  return LINES[status] ?? Buffer.from(`HTTP/1.1 ${status} ${reasonOf(status)}\r\n`, 'latin1')
}

export function reasonOf(status: number): string {
  return STATUS_CODES[status] ?? 'Unknown'
}
