import { spawn } from 'node:child_process'
import { Writable } from 'node:stream'
import { type Clock, messageOf } from '../../../base/index.ts'
import type { RemoteIo } from '../../apiserver/index.ts'
import { execCommand, type ExecTarget } from './exec-command.ts'
import { exitCodeOf, feed, pour } from './streams.ts'
import { runOnTerminal } from './terminal.ts'

export interface ExecResult {
  readonly exitCode: number
  /** Both streams, cut at the limit. */
  readonly output: string
  /** It was killed because it took too long. */
  readonly isTimeout: boolean
}

export interface ExecOptions {
  readonly target: ExecTarget
  readonly command: readonly string[]
  readonly tty: boolean
  readonly io: RemoteIo
  readonly clock: Clock
}

const OUTPUT_BYTES_MAX = 10 * 1024

/**
 * Runs a command in the namespaces of a running container. An abort kills it.
 * @returns its exit code; 126 when the container does not run, as a shell that cannot start a command
 */
export async function execInContainer(options: ExecOptions): Promise<number> {
  const { target, io, tty } = options
  const command = await execCommand(target, options.command, options)
  if (command === undefined) {
    ;(io.stderr ?? io.stdout)?.write('the container does not run\n')
    return 126
  }
  try {
    return await (tty ? runOnTerminal(command, io) : runOnPipes(command, io))
  } finally {
    command.cleanUp()
  }
}

function runOnPipes(
  command: { readonly words: readonly string[]; readonly env: Readonly<Record<string, string>> },
  io: RemoteIo,
): Promise<number> {
  const [program = '', ...args] = command.words
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: [
        io.stdin === undefined ? 'ignore' : 'pipe',
        io.stdout === undefined ? 'ignore' : 'pipe',
        io.stderr === undefined ? 'ignore' : 'pipe',
      ],
      env: { ...command.env },
      signal: io.signal,
      killSignal: 'SIGKILL',
    })
    feed(io.stdin, child.stdin)
    child.on('exit', () => {
      // What the command has not read is for nobody.
      io.stdin?.unpipe()
      io.stdin?.resume()
    })
    const outputs = [pour(child.stdout, io.stdout), pour(child.stderr, io.stderr)]
    child.on('error', (error) => {
      if (error.name !== 'AbortError') reject(new Error(`exec failed: ${error.message}`, { cause: error }))
    })
    child.on('close', (code, signal) => {
      void Promise.all(outputs).then(() => resolve(exitCodeOf(code, signal)))
    })
  })
}

/** Runs a command to its end or its deadline and collects what it printed. */
export async function execAndCollect(options: {
  readonly target: ExecTarget
  readonly command: readonly string[]
  readonly clock: Clock
  readonly timeoutMs: number
}): Promise<ExecResult> {
  let output = ''
  const collector = () =>
    new Writable({
      write(chunk: Uint8Array, _encoding, done) {
        if (output.length < OUTPUT_BYTES_MAX) output += Buffer.from(chunk).toString('utf8')
        done()
      },
    })
  const signal = AbortSignal.timeout(options.timeoutMs)
  try {
    const exitCode = await execInContainer({
      ...options,
      tty: false,
      io: { stdin: undefined, stdout: collector(), stderr: collector(), onResize: () => {}, signal },
    })
    return { exitCode, output, isTimeout: signal.aborted }
  } catch (error) {
    return { exitCode: 126, output: messageOf(error), isTimeout: false }
  }
}
