/** A plain reader of HTTP/1.1 messages, made from the RFC's words alone and nothing of the proxy's. */
export interface Message {
  readonly line: string
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  /** Once it is complete, or the stream has ended. */
  readonly body: Buffer
  readonly pieces: readonly Buffer[]
  readonly trailers: ReadonlyMap<string, string>
  readonly isComplete: boolean
  readonly framing: 'none' | 'length' | 'chunked' | 'until-close'
}

export interface MessageReader {
  /** @returns what is wrong with the bytes, or undefined */
  readonly feed: (bytes: Buffer) => string | undefined
  /** The stream has ended. */
  readonly end: () => void
  readonly messages: readonly Message[]
  /** Bytes of a message whose head is not complete. */
  readonly leftOver: () => number
}

interface Draft {
  line: string
  status: number
  headers: Map<string, string>
  pieces: Buffer[]
  body: Buffer
  trailers: Map<string, string>
  isComplete: boolean
  framing: Message['framing']
  left: number
  stage: 'body' | 'size' | 'chunk-end' | 'trailers'
}

/** @param isBodyless whether the answer to the n-th request has no body whatever it says */
export function createMessageReader(
  kind: 'request' | 'response',
  isBodyless: (index: number) => boolean = () => false,
): MessageReader {
  const messages: Draft[] = []
  let rest: Buffer = Buffer.alloc(0)
  let current: Draft | undefined
  let finals = 0
  let problem: string | undefined

  function readHead(): boolean {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) {
      if (rest.length > 200_000) problem = 'a head without an end'
      return false
    }
    const [line = '', ...fields] = rest.toString('latin1', 0, end).split('\r\n')
    rest = rest.subarray(end + 4)
    const pattern = kind === 'request' ? /^[!-~]+ \S+ HTTP\/1\.1$/ : /^HTTP\/1\.1 \d{3} .*$/
    if (!pattern.test(line)) problem = `no ${kind}: ${JSON.stringify(line.slice(0, 80))}`
    const headers = readFields(fields)
    const status = kind === 'response' ? Number(line.slice(9, 12)) : 0
    const draft: Draft = {
      line,
      status,
      headers,
      pieces: [],
      body: Buffer.alloc(0),
      trailers: new Map(),
      isComplete: false,
      framing: 'none',
      left: 0,
      stage: 'body',
    }
    frame(draft)
    messages.push(draft)
    current = draft
    return true
  }

  function readFields(lines: readonly string[]): Map<string, string> {
    const headers = new Map<string, string>()
    for (const line of lines) {
      const match = /^([!-9;-~]+):[ \t]*(.*)$/.exec(line)
      if (match === null) {
        problem = `no field: ${JSON.stringify(line.slice(0, 80))}`
        return headers
      }
      const name = (match[1] ?? '').toLowerCase()
      const before = headers.get(name)
      headers.set(name, before === undefined ? (match[2] ?? '') : `${before}, ${match[2]}`)
    }
    return headers
  }

  function frame(draft: Draft): void {
    const isFinal = kind === 'request' || draft.status >= 200
    const index = finals
    if (isFinal) finals++
    const { headers, status } = draft
    const length = headers.get('content-length')
    const coding = headers.get('transfer-encoding')
    if (length !== undefined && coding !== undefined) problem = 'a length and a transfer coding'
    if (length !== undefined && !/^\d+$/.test(length)) problem = `a length of ${length}`
    if (!isFinal || isBodyless(index) || status === 204 || status === 304) return
    if (coding !== undefined) {
      if (coding !== 'chunked') problem = `transfer coding ${coding}`
      draft.framing = 'chunked'
      draft.stage = 'size'
    } else if (length !== undefined) {
      draft.framing = 'length'
      draft.left = Number(length)
    } else if (kind === 'response') {
      draft.framing = 'until-close'
      draft.left = Number.POSITIVE_INFINITY
    }
  }

  function take(draft: Draft): void {
    const part = rest.subarray(0, Math.min(rest.length, draft.left))
    draft.pieces.push(part)
    draft.left -= part.length
    rest = rest.subarray(part.length)
  }

  function finish(draft: Draft): true {
    draft.isComplete = true
    draft.body = Buffer.concat(draft.pieces)
    draft.pieces = [draft.body]
    current = undefined
    return true
  }

  function takeLine(): string | undefined {
    const end = rest.indexOf('\r\n')
    if (end < 0) return undefined
    const line = rest.toString('latin1', 0, end)
    rest = rest.subarray(end + 2)
    return line
  }

  /** @returns whether something was done */
  function readBody(draft: Draft): boolean {
    if (draft.framing === 'none') return finish(draft)
    if (draft.framing !== 'chunked') {
      const before = rest.length
      take(draft)
      if (draft.left === 0) return finish(draft)
      return before > rest.length
    }
    return readChunked(draft)
  }

  function readChunked(draft: Draft): boolean {
    if (draft.stage === 'body') {
      const before = rest.length
      take(draft)
      if (draft.left === 0) draft.stage = 'chunk-end'
      return before > rest.length || draft.left === 0
    }
    const line = takeLine()
    if (line === undefined) return false
    if (draft.stage === 'size') {
      if (!/^[0-9a-fA-F]+$/.test(line)) problem = `a chunk of size ${JSON.stringify(line.slice(0, 40))}`
      draft.left = Number.parseInt(line, 16)
      draft.stage = draft.left === 0 ? 'trailers' : 'body'
    } else if (draft.stage === 'chunk-end') {
      if (line !== '') problem = 'a chunk that is longer than it says'
      draft.stage = 'size'
    } else if (line === '') {
      return finish(draft)
    } else {
      for (const [name, value] of readFields([line])) draft.trailers.set(name, value)
    }
    return true
  }

  return {
    messages,
    leftOver: () => (current === undefined ? rest.length : 0),
    feed(bytes) {
      rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
      while (problem === undefined) {
        const isBusy = current === undefined ? rest.length > 0 && readHead() : readBody(current)
        if (!isBusy) break
      }
      return problem
    },
    end() {
      if (current === undefined) return
      if (current.framing === 'until-close') finish(current)
      else current.body = Buffer.concat(current.pieces)
    },
  }
}
