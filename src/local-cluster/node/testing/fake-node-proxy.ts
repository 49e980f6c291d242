import { createServer, type Socket } from 'node:net'
import { encodeJsonLine, type HostedInstance, type NodeProxyRequest } from '../../../linux/index.ts'

/** The other side of the socket: says that everything is started and ready at once. */
export async function fakeNodeProxy(path: string) {
  const started: HostedInstance[] = []
  const running = new Set<string>()
  let socket: Socket | undefined
  const server = createServer((connection) => {
    socket = connection
    let pending = ''
    connection.on('error', () => {}) // the agent was stopped first
    connection.on('data', (chunk: Buffer) => {
      const lines = (pending + chunk.toString('utf8')).split('\n')
      pending = lines.pop() ?? ''
      for (const line of lines) answer(connection, JSON.parse(line) as NodeProxyRequest)
    })
  })
  const answer = (connection: Socket, request: NodeProxyRequest) => {
    if (request.op === 'hello') {
      const instances = [...running].map((id) => ({ id, startedAt: Date.now(), ready: true }))
      connection.write(encodeJsonLine({ op: 'hello', version: 1, instances }))
    } else if (request.op === 'start') {
      started.push(request.instance)
      running.add(request.instance.id)
      connection.write(encodeJsonLine({ op: 'started', id: request.instance.id, startedAt: Date.now() }))
      connection.write(encodeJsonLine({ op: 'ready', id: request.instance.id, ready: true }))
    } else {
      running.delete(request.id)
      connection.write(encodeJsonLine({ op: 'exited', id: request.id, exitCode: 0, message: '' }))
    }
  }
  await new Promise<void>((resolve) => server.listen(path, resolve))
  return {
    started,
    running: () => [...running],
    loseEverything() {
      running.clear()
      socket?.destroy()
    },
    close() {
      socket?.destroy()
      server.close()
    },
  }
}
