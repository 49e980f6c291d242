/** A command's name and arguments. Bytes, since values may be anything. */
export type Command = readonly Buffer[]

export type Parsed =
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'incomplete' }
  /** The peer does not speak the protocol, or oversteps a limit; the connection is to be closed after telling it. */
  | { readonly kind: 'broken'; readonly reason: string }

export interface CommandParser {
  push(chunk: Buffer): void
  /** The next command in what was pushed so far. */
  next(): Parsed
}

export const LIMITS = { inlineBytes: 64 * 1024, arguments: 1_024, commandBytes: 1024 * 1024 } as const

interface PartialArray {
  readonly count: number
  readonly read: Buffer[]
  bytes: number
}

type Unfinished = Exclude<Parsed, { readonly kind: 'command' }>

const INCOMPLETE: Unfinished = { kind: 'incomplete' }

/**
 * Reads commands out of a stream of bytes (RESP2 requests: arrays of bulk strings, or inline commands).
 * What is kept of an unfinished command is bounded by `LIMITS`.
 */
export function createCommandParser(): CommandParser {
  let input: Buffer = Buffer.alloc(0)
  let offset = 0
  /** The arguments read so far of an array that is not whole yet, so that a long one is not read again at every chunk. */
  let partial: PartialArray | undefined

  const line = (): string | undefined => {
    const end = input.indexOf(0x0a, offset)
    if (end === -1) return undefined
    const text = input.toString('latin1', offset, end)
    offset = end + 1
    return text.endsWith('\r') ? text.slice(0, -1) : text
  }
  const isLineTooLong = (): boolean => {
    const end = input.indexOf(0x0a, offset)
    return (end === -1 ? input.length : end) - offset > LIMITS.inlineBytes
  }

  const nextArgument = (bytesLeft: number): Buffer | Unfinished => {
    const start = offset
    if (isLineTooLong()) return broken('too big bulk count string')
    const head = line()
    if (head === undefined) return INCOMPLETE
    if (!head.startsWith('$')) return broken(`expected '$', got '${head.slice(0, 1)}'`)
    const length = parseLength(head.slice(1), bytesLeft)
    if (length === undefined) return broken('invalid bulk length')
    if (input.length < offset + length + 2) {
      offset = start
      return INCOMPLETE
    }
    // A copy: a slice would keep the whole chunk in memory for as long as the value is stored.
    const argument = Buffer.from(input.subarray(offset, offset + length))
    offset += length + 2
    return argument
  }

  const nextArray = (array: PartialArray): Parsed => {
    while (array.read.length < array.count) {
      const argument = nextArgument(LIMITS.commandBytes - array.bytes)
      if (!Buffer.isBuffer(argument)) return argument
      array.read.push(argument)
      array.bytes += argument.length
    }
    partial = undefined
    return { kind: 'command', command: array.read }
  }

  return {
    push(chunk) {
      input = offset >= input.length ? chunk : Buffer.concat([input.subarray(offset), chunk])
      offset = 0
    },
    next() {
      if (partial !== undefined) return nextArray(partial)
      for (;;) {
        if (isLineTooLong()) return broken('too big inline request')
        const first = line()
        if (first === undefined) return INCOMPLETE
        if (first.startsWith('*')) {
          const count = parseLength(first.slice(1), LIMITS.arguments)
          if (count === undefined) return broken('invalid multibulk length')
          if (count === 0) continue
          partial = { count, read: [], bytes: 0 }
          return nextArray(partial)
        }
        const words = splitInline(first)
        if (words === undefined) return broken('unbalanced quotes in request')
        // An empty line is no command, as in the real server: people press Enter.
        if (words.length > 0) return { kind: 'command', command: words }
      }
    },
  }
}

function broken(reason: string): Unfinished {
  return { kind: 'broken', reason: `Protocol error: ${reason}` }
}

function parseLength(text: string, max: number): number | undefined {
  const length = /^\d{1,9}$/.test(text) ? Number(text) : -1
  return length >= 0 && length <= max ? length : undefined
}

/** Words apart by blanks, in single or double quotes where they hold blanks. */
function splitInline(line: string): Command | undefined {
  const words: Buffer[] = []
  let rest = line.trim()
  while (rest !== '') {
    const match =
      /^(?:"(?<double>(?:[^"\\]|\\.)*)"|'(?<single>(?:[^'\\]|\\.)*)'|(?<bare>[^\s"']+))(?:\s+|$)/.exec(rest)
    if (match === null) return undefined
    const { double, single, bare } = match.groups ?? {}
    const text = bare ?? (double ?? single ?? '').replace(/\\(.)/g, unescape)
    words.push(Buffer.from(text, 'latin1'))
    rest = rest.slice(match[0].length)
  }
  return words
}

function unescape(_whole: string, letter: string): string {
  const controls: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\u0007' }
  return controls[letter] ?? letter
}
