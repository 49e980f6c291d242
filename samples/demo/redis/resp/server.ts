import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { createCommands, runCommand } from './commands.ts'
import type { Commands, Session } from './commands.ts'
import { createDatabase } from './database.ts'
import type { Database, Room } from './database.ts'
import { createCommandParser } from './parser.ts'
import { encodeReply, error } from './reply.ts'

export interface RespServerOptions {
  readonly port: number
  /** Undefined listens on every address of both families. */
  readonly host: string | undefined
  readonly password: string | undefined
  /** Names in capitals of commands that the server shall not know. */
  readonly disabled: readonly string[]
}

const DATABASES = 16
const CONNECTIONS_MAX = 4_096
const MEMORY_BYTES_MAX = 64 * 1024 * 1024

/**
 * A store that speaks RESP2 and keeps everything in memory, for machines without the real server.
 * Stops at SIGTERM and SIGINT at once: every command is answered before the next event is looked at, so none is in hand.
 */
export function serveResp(options: RespServerOptions): void {
  const room: Room = { max: MEMORY_BYTES_MAX, used: 0 }
  const databases = Array.from({ length: DATABASES }, () => createDatabase(room))
  const commands = createCommands(options.disabled)
  let connections = 0
  const server = createServer({ noDelay: true }, (socket) => {
    connections += 1
    converse(socket, commands, createSession(connections, databases, options.password))
  })
  server.maxConnections = CONNECTIONS_MAX
  server.on('error', (failure) => {
    process.stderr.write(`redis: cannot listen on port ${options.port}: ${failure.message}\n`)
    process.exitCode = 1
  })
  server.on('listening', () =>
    process.stdout.write(`redis: Ready to accept connections on port ${options.port}\n`),
  )
  process.on('SIGTERM', () => process.exit(0))
  process.on('SIGINT', () => process.exit(0))
  process.stdout.on('error', () => undefined)
  if (options.host === undefined) server.listen(options.port)
  else server.listen(options.port, options.host)
}

function createSession(id: number, databases: readonly Database[], password: string | undefined): Session {
  const isAuthenticated = password === undefined
  return { id, databases, password, database: 0, name: '', isAuthenticated, isLeaving: false }
}

function converse(socket: Socket, commands: Commands, session: Session): void {
  const parser = createCommandParser()
  const work = (): void => {
    while (!socket.destroyed && !session.isLeaving) {
      const parsed = parser.next()
      if (parsed.kind === 'incomplete') break
      if (parsed.kind === 'broken') {
        session.isLeaving = true
        socket.end(encodeReply(error(`ERR ${parsed.reason}`)))
        return
      }
      const hasRoom = socket.write(encodeReply(runCommand(commands, session, parsed.command)))
      // The peer sends commands and does not read the answers: neither read nor work on until it does.
      if (!hasRoom && !session.isLeaving) {
        socket.pause()
        socket.once('drain', work)
        return
      }
    }
    if (session.isLeaving) socket.end()
    else socket.resume()
  }
  socket.on('data', (chunk) => {
    if (session.isLeaving) return
    parser.push(chunk)
    work()
  })
  // A peer that goes away takes its session with it; there is nobody left to tell.
  socket.on('error', () => socket.destroy())
}
