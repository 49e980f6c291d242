import { connect } from 'node:net'
import type { Socket } from 'node:net'

export type Reply = string | number | undefined | readonly Reply[]

export interface RedisClient {
  /**
   * Sends one command and waits for its reply, on a connection that is opened when it is first needed and again after it broke.
   * @throws StoreUnavailable when there is no reply within a second, or the store answers with an error
   */
  command(...args: readonly string[]): Promise<Reply>
}

export class StoreUnavailable extends Error {}

interface Waiting {
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

interface Connection {
  readonly socket: Socket
  readonly waiting: Waiting[]
  /** What came of a reply that is not whole yet. */
  input: Buffer
  broken: boolean
}

const REPLY_MS = 1_000
const WAITING_MAX = 8_192
const REPLY_BYTES_MAX = 16 * 1024 * 1024

/**
 * The part of the Redis protocol (RESP2) that the backend speaks. It is written here because the usual client library
 * takes more memory and start-up time than the whole rest of the backend.
 */
export function createRedisClient(host: string, port: number): RedisClient {
  let current: Connection | undefined
  return {
    command(...args) {
      if (current === undefined || current.broken) current = open(host, port)
      const connection = current
      if (connection.waiting.length >= WAITING_MAX) {
        return Promise.reject(
          new StoreUnavailable(`more than ${WAITING_MAX} commands wait for ${host}:${port}`),
        )
      }
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => fail(connection, `no reply from ${host}:${port} in ${REPLY_MS} ms`),
          REPLY_MS,
        )
        connection.waiting.push({ resolve, reject, timer })
        connection.socket.write(encodeCommand(args))
      })
    },
  }
}

function open(host: string, port: number): Connection {
  const socket = connect({ host, port, noDelay: true })
  const connection: Connection = { socket, waiting: [], input: Buffer.alloc(0), broken: false }
  socket.on('data', (chunk) => receive(connection, chunk))
  socket.on('error', (error) => fail(connection, error.message))
  socket.on('close', () => fail(connection, `${host}:${port} closed the connection`))
  return connection
}

function fail(connection: Connection, reason: string): void {
  connection.broken = true
  connection.socket.destroy()
  for (const { reject, timer } of connection.waiting.splice(0)) {
    clearTimeout(timer)
    reject(new StoreUnavailable(reason))
  }
}

function receive(connection: Connection, chunk: Buffer): void {
  let input = connection.input.length === 0 ? chunk : Buffer.concat([connection.input, chunk])
  try {
    for (let parsed = parseReply(input, 0); parsed !== undefined; parsed = parseReply(input, 0)) {
      input = input.subarray(parsed.end)
      settle(connection, parsed.reply)
    }
  } catch (error) {
    fail(connection, String(error))
    return
  }
  connection.input = input
  if (input.length > REPLY_BYTES_MAX) fail(connection, `a reply is longer than ${REPLY_BYTES_MAX} bytes`)
}

function settle(connection: Connection, reply: Reply | ErrorReply): void {
  const waiting = connection.waiting.shift()
  if (waiting === undefined) throw new Error('the store sent a reply that nobody asked for')
  clearTimeout(waiting.timer)
  if (isErrorReply(reply)) waiting.reject(new StoreUnavailable(`the store answered: ${reply.error}`))
  else waiting.resolve(reply)
}

function encodeCommand(args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join('')}`
}

interface ErrorReply {
  readonly error: string
}

interface Parsed<T> {
  readonly reply: T
  readonly end: number
}

function isErrorReply(reply: Reply | ErrorReply): reply is ErrorReply {
  return typeof reply === 'object' && 'error' in reply
}

/** Undefined when the reply is not whole yet. */
function parseReply(input: Buffer, start: number): Parsed<Reply | ErrorReply> | undefined {
  const lineEnd = input.indexOf('\r\n', start)
  if (lineEnd === -1) return undefined
  const text = input.toString('utf8', start + 1, lineEnd)
  const end = lineEnd + 2
  const kind = String.fromCharCode(input[start] ?? 0)
  switch (kind) {
    case '+':
      return { reply: text, end }
    case '-':
      return { reply: { error: text }, end }
    case ':':
      return { reply: Number(text), end }
    case '$':
      return parseBulk(input, Number(text), end)
    case '*':
      return parseArray(input, Number(text), end)
    default:
      throw new Error(`the store does not speak RESP2: a reply begins with ${JSON.stringify(kind)}`)
  }
}

function parseBulk(input: Buffer, length: number, start: number): Parsed<Reply> | undefined {
  if (length < 0) return { reply: undefined, end: start }
  const end = start + length + 2
  return input.length < end ? undefined : { reply: input.toString('utf8', start, start + length), end }
}

function parseArray(input: Buffer, length: number, start: number): Parsed<Reply> | undefined {
  if (length < 0) return { reply: undefined, end: start }
  const items: Reply[] = []
  let end = start
  for (let index = 0; index < length; index += 1) {
    const item = parseReply(input, end)
    if (item === undefined) return undefined
    items.push(isErrorReply(item.reply) ? undefined : item.reply)
    end = item.end
  }
  return { reply: items, end }
}
