/** Splits a byte stream into JSON values, one a line. */
export interface JsonLineDecoder {
  /** @throws when a line is longer than the limit or is not JSON; the connection is of no use after that */
  readonly push: (chunk: Uint8Array) => readonly unknown[]
}

export function createJsonLineDecoder(lineBytesMax: number): JsonLineDecoder {
  let pending: Uint8Array[] = []
  let pendingBytes = 0
  return {
    push(chunk) {
      const values: unknown[] = []
      let start = 0
      for (;;) {
        const end = chunk.indexOf(10, start)
        const piece = chunk.subarray(start, end < 0 ? chunk.length : end)
        if (pendingBytes + piece.length > lineBytesMax) {
          throw new Error(`a line of the node proxy's protocol is longer than ${lineBytesMax} bytes`)
        }
        if (piece.length > 0) pending.push(piece)
        pendingBytes += piece.length
        if (end < 0) return values
        const line = Buffer.concat(pending).toString('utf8')
        pending = []
        pendingBytes = 0
        start = end + 1
        if (line !== '') values.push(parseLine(line))
      }
    },
  }
}

export function encodeJsonLine(value: object): string {
  return `${JSON.stringify(value)}\n`
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (cause) {
    throw new Error(`a line of the node proxy's protocol is not JSON: ${line.slice(0, 200)}`, { cause })
  }
}
