import { fail, ok, type Result } from '../../base/index.ts'
import type { FormatNeeds, Reader } from './operator.ts'
import { OPERATORS } from './operators.ts'
import { coalesce } from './coalesce.ts'

/** A stretch of a format: text as it stands, or a value of the record. */
export type FormatPart = { readonly kind: 'text'; readonly text: string } | ValuePart

export interface ValuePart {
  readonly kind: 'value'
  readonly read: Reader
  /** It is made by the proxy, of characters that a line may have. */
  readonly isOwn: boolean
}

/** What the proxy writes itself; everything else may have come from a peer and is looked at before it is written. */
const OWN: ReadonlySet<string> = new Set([
  'START_TIME',
  'EMIT_TIME',
  'PROTOCOL',
  'RESPONSE_FLAGS',
  'RESPONSE_FLAGS_LONG',
  'UPSTREAM_HOST',
  'UPSTREAM_REMOTE_ADDRESS',
  'UPSTREAM_LOCAL_ADDRESS',
  'DOWNSTREAM_LOCAL_ADDRESS',
  'DOWNSTREAM_REMOTE_ADDRESS',
  'DOWNSTREAM_DIRECT_REMOTE_ADDRESS',
  'TRACE_ID',
  'SPAN_ID',
])

/** What the codecs let pass as such has no other characters. */
const OWN_ARGUMENTS: ReadonlySet<string> = new Set([
  'REQ(:method)',
  'REQ(:path)',
  'REQ(:authority)',
  'REQ(:scheme)',
  'RESP(x-envoy-upstream-service-time)',
  'RESP(:status)',
])

const COMMAND = /%([A-Z][A-Z0-9_]*)(?:\((.*?)\)(?=:\d+%|%))?(?::(\d+))?%/y

/**
 * Reads a format of text with command operators; `%%` is a per cent sign.
 * @returns what is wrong, with its position (from 0)
 */
export function parseFormat(format: string, needs: FormatNeeds): Result<readonly FormatPart[], string> {
  const parts: FormatPart[] = []
  let text = ''
  let at = 0
  while (at < format.length) {
    const sign = format.indexOf('%', at)
    if (sign < 0) break
    text += format.slice(at, sign)
    if (format[sign + 1] === '%') {
      text += '%'
      at = sign + 2
      continue
    }
    COMMAND.lastIndex = sign
    const match = COMMAND.exec(format)
    if (match === null) {
      const near = format.slice(sign, sign + 30).split('\n', 1)[0]
      return fail(`no command operator at position ${sign}: ${near} (a per cent sign is written %%)`)
    }
    const [whole, name = '', argument, length] = match
    const read = makeReader(name, argument, needs)
    if (!read.ok) return fail(`%${name}% at position ${sign} ${read.error}`)
    if (text !== '') parts.push({ kind: 'text', text })
    text = ''
    parts.push({
      kind: 'value',
      read: length === undefined ? read.value : cut(read.value, Number(length)),
      isOwn: argument === undefined ? OWN.has(name) : OWN_ARGUMENTS.has(`${name}(${argument.toLowerCase()})`),
    })
    at = sign + whole.length
  }
  text += format.slice(at)
  if (text !== '') parts.push({ kind: 'text', text })
  return ok(parts)
}

/** @returns the reader, or why there is none, as the end of a sentence that begins with the operator's name */
function makeReader(name: string, argument: string | undefined, needs: FormatNeeds): Result<Reader, string> {
  if (name === 'COALESCE') return coalesce(argument, (inner, text) => makeReader(inner, text, needs))
  const maker = Object.hasOwn(OPERATORS, name) ? OPERATORS[name] : undefined
  return maker === undefined ? fail('is not a command operator') : maker(argument, needs)
}

function cut(read: Reader, length: number): Reader {
  return (record) => {
    const value = read(record)
    return typeof value === 'string' ? value.slice(0, length) : value
  }
}
