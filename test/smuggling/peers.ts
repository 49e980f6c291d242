import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/proxy/testing.ts'
import {
  envoyConfiguration,
  haproxyConfiguration,
  nginxConfiguration,
  type PeerPlace,
} from './peer-configurations.ts'
import { type Recorder, startRecorder } from './recorder.ts'

/** An HTTP server that is not ours, and what it has read. */
export interface Peer {
  readonly port: number
  readonly recorder: Recorder
  readonly close: () => Promise<void>
}

export interface PeerProgram {
  readonly name: string
  readonly version: () => string
  /** @param upstream port to which it forwards */
  readonly start: (upstream: number) => Promise<{ port: number; close: () => Promise<void> }>
}

const SBIN = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`

/** @param envoy path of its program */
export function peerPrograms(envoy: string): readonly PeerProgram[] {
  return [
    program('nginx', {
      version: ['nginx', '-v'],
      configure: nginxConfiguration,
      run: (file, directory) => ['nginx', '-p', directory, '-c', file],
    }),
    program('HAProxy', {
      version: ['haproxy', '-v'],
      configure: haproxyConfiguration,
      run: (file) => ['haproxy', '-db', '-q', '-f', file],
    }),
    program('Envoy', {
      version: [envoy, '--version'],
      configure: envoyConfiguration,
      run: (file) => [envoy, '--disable-hot-restart', '--concurrency', '1', '-l', 'off', '-c', file],
    }),
  ]
}

/** A server that forwards to a recorder of its own, which tells what the server read. */
export async function startPeer(peer: PeerProgram): Promise<Peer> {
  const recorder = await startRecorder()
  const running = await peer.start(recorder.port)
  return {
    port: running.port,
    recorder,
    async close() {
      await running.close()
      recorder.close()
    },
  }
}

/** `node:http` as a back end tells by itself what it reads. */
export async function startNodePeer(): Promise<Peer> {
  let seen: string[] = []
  let open = 0
  const server = createServer({ maxHeaderSize: 256 * 1024 }, (request, response) => {
    let length = 0
    open++
    response.on('close', () => open--)
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
    })
    request.on('end', () => {
      seen.push(`${request.method} ${request.url} ${request.headers.host ?? ''} ${length}`)
      response.end('ok')
    })
    request.on('error', () => {})
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const recorder: Recorder = {
    port,
    take() {
      const taken = seen
      seen = []
      return taken
    },
    waiting: () => open,
    close: () => {},
  }
  return {
    port,
    recorder,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

interface ProgramOptions {
  readonly version: readonly string[]
  readonly configure: (place: PeerPlace) => string
  readonly run: (file: string, directory: string) => readonly string[]
}

function program(name: string, options: ProgramOptions): PeerProgram {
  return {
    name,
    version() {
      const [command = '', ...args] = options.version
      const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', env: { PATH: SBIN } })
      return /\d+\.\d+\.\d+/.exec(`${stdout}${stderr}`)?.[0] ?? 'unknown'
    },
    async start(upstream) {
      const directory = mkdtempSync(join(tmpdir(), `lateen-${name}-`))
      const port = await freePort()
      const file = join(directory, name === 'Envoy' ? 'envoy.json' : 'configuration')
      writeFileSync(file, options.configure({ port, upstream, directory }))
      const [command = '', ...args] = options.run(file, directory)
      const child = spawn(command, args, {
        stdio: ['ignore', 'inherit', 'inherit'],
        env: { PATH: SBIN },
      })
      const exited = once(child, 'exit').catch(() => {})
      // A run that breaks off leaves no server behind.
      process.once('exit', () => child.kill('SIGKILL'))
      await untilListening(port, child, name)
      return {
        port,
        async close() {
          child.kill('SIGKILL')
          await exited
          rmSync(directory, { recursive: true, force: true })
        },
      }
    },
  }
}

const START_DEADLINE_MS = 20_000

async function untilListening(port: number, child: ChildProcess, name: string): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${name} ended at once, with status ${child.exitCode}`)
    const socket = connect({ port, host: '127.0.0.1' })
    const connected = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (connected) return
    if (Date.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`${name} does not listen on port ${port}`)
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 20)
    })
  }
}
