import { ECHO } from './testing.ts'
import { openMemoryServer } from './testing-peer.ts'
import type { Stream, StreamEvents } from './types.ts'

/**
 * Runs a server over these pieces of a client's bytes and writes down what it reports and answers. Runs of data are
 * joined: how a body is cut is the network's business.
 */
export function observe(pieces: readonly Buffer[]): readonly string[] {
  const lines: string[] = []
  const note = (stream: Stream, text: string): void => void lines.push(`${stream.id} ${text}`)
  const events: Partial<StreamEvents> = {
    head(stream) {
      note(stream, `head ${stream.method} ${stream.authority} ${stream.path} ${stream.hasBody}`)
      ECHO.head(stream)
    },
    data(stream, bytes, start, end) {
      const text = bytes.toString('latin1', start, end)
      const last = lines.at(-1)
      if (last?.startsWith(`${stream.id} data `) === true) lines[lines.length - 1] = last + text
      else note(stream, `data ${text}`)
      ECHO.data(stream, bytes, start, end)
    },
    end(stream, trailers) {
      note(stream, `end ${trailers}`)
      ECHO.end(stream, trailers)
    },
    closed: (stream, end) => note(stream, `closed ${end.kind} ${end.detail}`),
    malformed: (stream, details) => note(stream, `malformed ${details}`),
  }
  const server = openMemoryServer({}, events)
  for (const piece of pieces) {
    if (piece.length > 0) server.push(Buffer.from(piece))
  }
  const answers = joinData(server.answers())
  server.socket.destroy()
  return [...lines, ...answers, server.reason() ?? '']
}

/** `data 1 5`, `data 1 3 end` → `data 1 8 end`. */
function joinData(lines: readonly string[]): string[] {
  const joined: string[] = []
  for (const line of lines) {
    const [kind, stream, length, end] = line.split(' ')
    const before = joined.at(-1)?.split(' ') ?? []
    if (kind === 'data' && before[0] === 'data' && before[1] === stream && before[3] === undefined) {
      const sum = Number(before[2]) + Number(length)
      joined[joined.length - 1] = `data ${stream} ${sum}${end === undefined ? '' : ' end'}`
    } else {
      joined.push(line)
    }
  }
  return joined
}
