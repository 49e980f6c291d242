import { createRequire } from 'node:module'

/** What Node's own strict HTTP parser makes of a message: the second opinion on everything that ours takes. */
export type Judgement =
  | { readonly kind: 'taken'; readonly fields: readonly string[]; readonly body: string }
  | { readonly kind: 'refused'; readonly code: string; readonly reason: string }
  /** not a difference that matters: a method or protocol that llhttp has no name for */
  | { readonly kind: 'no opinion' }

interface Parser {
  initialize: (type: number, resource: object) => void
  execute: (bytes: Buffer) => number | Error
  close: () => void
  [callback: number]: unknown
}
interface ParserClass {
  new (): Parser
  readonly REQUEST: number
  readonly RESPONSE: number
  readonly kOnHeaders: number
  readonly kOnHeadersComplete: number
  readonly kOnBody: number
}

const { HTTPParser } = createRequire(import.meta.url)('node:_http_common') as {
  readonly HTTPParser: ParserClass
}

const NO_OPINION: ReadonlySet<string> = new Set([
  'HPE_INVALID_METHOD',
  'HPE_PAUSED_UPGRADE',
  'HPE_HEADER_OVERFLOW',
])

export function judgeByLlhttp(kind: 'request' | 'response', bytes: Buffer): Judgement {
  const parser = new HTTPParser()
  parser.initialize(kind === 'request' ? HTTPParser.REQUEST : HTTPParser.RESPONSE, {})
  const fields: string[] = []
  let body = ''
  parser[HTTPParser.kOnHeaders] = (some: readonly string[]) => void fields.push(...some)
  parser[HTTPParser.kOnHeadersComplete] = (
    _major: number,
    _minor: number,
    some: readonly string[] | undefined,
  ) => {
    fields.push(...(some ?? []))
    return 0
  }
  parser[HTTPParser.kOnBody] = (chunk: Buffer) => {
    body += chunk.toString('latin1')
  }
  const result = parser.execute(Buffer.from(bytes))
  parser.close()
  if (!(result instanceof Error)) return { kind: 'taken', fields, body }
  const { code = '', reason = result.message } = result as Error & { code?: string; reason?: string }
  // Extensions are dropped, so their grammar is nobody's ambiguity; llhttp minds an empty one.
  const isExtension = reason.includes('chunk extensions')
  return NO_OPINION.has(code) || isExtension ? { kind: 'no opinion' } : { kind: 'refused', code, reason }
}
