import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { type Logger, messageOf } from '../../base/index.ts'
import {
  createJsonLineDecoder,
  encodeJsonLine,
  NODE_PROXY_LINE_BYTES_MAX,
  type NodeProxyEvent,
  type NodeProxyRequest,
} from '../../linux/index.ts'

/** The node proxy's side of the socket on which the node agent calls. */
export interface AgentServer {
  /** @throws when the path cannot be had */
  readonly listen: () => Promise<void>
  readonly tell: (event: NodeProxyEvent) => void
  /** Requests wait until it is over: a successor is being told what there is. */
  readonly hold: () => void
  readonly resume: () => void
  /** Ends the connections too; whoever listens on the path next hears what was held. */
  readonly close: () => void
}

/** An agent that does not read is told nothing more than this; it asks anew when it connects again. */
const AGENT_BACKLOG_BYTES_MAX = 8 * 1024 * 1024

export function createAgentServer(options: {
  readonly path: string
  readonly take: (request: NodeProxyRequest, answer: (event: NodeProxyEvent) => void) => void
  readonly logger: Logger
}): AgentServer {
  const { path, logger } = options
  const agents = new Set<Socket>()
  let server: Server | undefined
  let held: (() => void)[] | undefined

  function serve(socket: Socket): void {
    const decoder = createJsonLineDecoder(NODE_PROXY_LINE_BYTES_MAX)
    agents.add(socket)
    socket.on('error', (error) => logger.warn(`connection of the node agent: ${messageOf(error)}`))
    socket.on('close', () => agents.delete(socket))
    socket.on('data', (chunk) => {
      try {
        for (const message of decoder.push(chunk)) {
          const take = () => options.take(message as NodeProxyRequest, (event) => send(socket, event))
          if (held === undefined) take()
          else held.push(take)
        }
      } catch (error) {
        logger.error(`the node agent sent something that is not the protocol: ${messageOf(error)}`)
        socket.destroy()
      }
    })
  }

  return {
    async listen() {
      rmSync(path, { force: true })
      const next = createServer(serve)
      await new Promise<void>((resolve, reject) => {
        next.once('error', reject)
        next.listen(path, resolve)
      })
      chmodSync(path, 0o600)
      server = next
      logger.info('node proxy is listening', { socket: path })
    },
    tell(event) {
      for (const agent of agents) send(agent, event)
    },
    hold() {
      held ??= []
    },
    resume() {
      const waiting = held ?? []
      held = undefined
      for (const take of waiting) take()
    },
    close() {
      held = undefined
      server?.close()
      server = undefined
      for (const agent of agents) agent.destroySoon()
    },
  }
}

function send(socket: Socket, event: NodeProxyEvent): void {
  if (socket.writableLength > AGENT_BACKLOG_BYTES_MAX) socket.destroy()
  else socket.write(encodeJsonLine(event))
}
