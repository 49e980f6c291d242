import {
  type Answer,
  AUTHORITATIVE_ANSWER,
  decode,
  type DecodedPacket,
  encode,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
} from 'dns-packet'

export const RCODE = {
  ok: 0,
  malformed: 1,
  serverFailure: 2,
  noName: 3,
  notImplemented: 4,
  refused: 5,
} as const

/** What a UDP answer may hold without EDNS (RFC 1035), and what we say we take with it (DNS flag day 2020). */
const PLAIN_UDP_MAX = 512
const EDNS_UDP_MAX = 1232
const TCP_MAX = 65_535
export const HEADER_BYTES = 12

export type Transport = 'udp' | 'tcp'

export interface Reply {
  readonly rcode: number
  readonly authoritative: boolean
  readonly answers?: readonly Answer[]
  readonly authorities?: readonly Answer[]
  readonly additionals?: readonly Answer[]
}

export interface Question {
  readonly kind: 'question'
  readonly packet: DecodedPacket
  readonly name: string
  readonly type: string
  /** Whether the text says what the bytes do: not for a label with a dot in it, nor for bytes that are no text. */
  readonly isRepeatable: boolean
}

export type Query =
  | Question
  /** Can only be told that it is not understood. */
  | { readonly kind: 'refused'; readonly rcode: number; readonly bytes: Buffer }
  /** Not a query at all: answering would let two servers talk to each other for ever. */
  | { readonly kind: 'dropped' }

export function parseQuery(bytes: Buffer): Query {
  if (bytes.length < HEADER_BYTES || (bytes.readUInt8(2) & 0x80) !== 0) return { kind: 'dropped' }
  if (((bytes.readUInt8(2) >> 3) & 0xf) !== 0) return { kind: 'refused', rcode: RCODE.notImplemented, bytes }
  // Counted before decoding: the decoder believes the header's figures.
  const records = [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at))
  if (records[0] !== 1 || records.slice(1).some((count) => count > 8)) {
    return { kind: 'refused', rcode: RCODE.malformed, bytes }
  }
  try {
    const packet = decode(bytes)
    const question = packet.questions?.[0]
    if (!question) return { kind: 'refused', rcode: RCODE.malformed, bytes }
    if (question.class !== 'IN' && question.class !== 'ANY')
      return { kind: 'refused', rcode: RCODE.refused, bytes }
    const again = encode({ type: 'query', questions: [question] }).subarray(HEADER_BYTES)
    const isRepeatable = again.equals(bytes.subarray(HEADER_BYTES, HEADER_BYTES + again.length))
    return { kind: 'question', packet, name: question.name, type: question.type, isRepeatable }
  } catch {
    // The decoder's reason says nothing that the client could use: RFC 1035 has one code for all of it.
    return { kind: 'refused', rcode: RCODE.malformed, bytes }
  }
}

/** A header alone: for queries whose question cannot be repeated. */
export function refusal(bytes: Buffer, rcode: number): Buffer {
  const answer = Buffer.alloc(HEADER_BYTES)
  answer.writeUInt16BE(bytes.readUInt16BE(0), 0)
  answer.writeUInt8(0x80 | (bytes.readUInt8(2) & 0x79), 2) // opcode and "recursion desired" are repeated
  answer.writeUInt8(0x80 | rcode, 3)
  return answer
}

/** The answer in as many bytes as the client takes; what does not fit is left out and said to be (TC). */
export function encodeReply(query: DecodedPacket, reply: Reply, transport: Transport): Buffer {
  const edns = (query.additionals ?? []).find((record) => record.type === 'OPT')
  const limit =
    transport === 'tcp' ? TCP_MAX : udpLimit(edns?.type === 'OPT' ? edns.udpPayloadSize : undefined)
  const pseudo: readonly Answer[] = edns ? [ednsRecord()] : []
  const build = (answers: readonly Answer[], additionals: readonly Answer[], truncated: boolean) =>
    encode({
      type: 'response',
      id: query.id,
      flags:
        ((query.flags ?? 0) & RECURSION_DESIRED) |
        RECURSION_AVAILABLE |
        (reply.authoritative ? AUTHORITATIVE_ANSWER : 0) |
        (truncated ? TRUNCATED_RESPONSE : 0) |
        reply.rcode,
      questions: query.questions,
      answers: [...answers],
      authorities: [...(reply.authorities ?? [])],
      additionals: [...additionals, ...pseudo],
    })
  const { answers = [], additionals = [] } = reply
  const whole = build(answers, additionals, false)
  if (whole.length <= limit) return whole
  const bare = build(answers, [], false) // additional records are a courtesy, nobody misses them
  if (bare.length <= limit) return bare
  let fitting = answers.length
  let bytes = bare
  while (bytes.length > limit && fitting > 0) {
    fitting = Math.floor(fitting / 2)
    bytes = build(answers.slice(0, fitting), [], true)
  }
  return bytes
}

function udpLimit(advertised: number | undefined): number {
  return advertised === undefined
    ? PLAIN_UDP_MAX
    : Math.min(EDNS_UDP_MAX, Math.max(PLAIN_UDP_MAX, advertised))
}

function ednsRecord(): Answer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: EDNS_UDP_MAX,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  }
}

/** A question of our own to an upstream. */
export function encodeQuestion(id: number, name: string, type: DecodedQuestionType): Buffer {
  return encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED,
    questions: [{ name, type, class: 'IN' }],
    additionals: [ednsRecord()],
  })
}

export type DecodedQuestionType = NonNullable<DecodedPacket['questions']>[number]['type']

export function rcodeOf(bytes: Buffer): number {
  return bytes.readUInt8(3) & 0xf
}

export function isTruncated(bytes: Buffer): boolean {
  return (bytes.readUInt8(2) & 0x02) !== 0
}
