import { spawn } from 'node:child_process'
import { type Clock, messageOf } from '../../../base/index.ts'
import { containerEnvironment, execCommandLine, waitForInit } from './process-container.ts'

export interface ExecResult {
  readonly exitCode: number
  /** Both streams, cut at the limit. */
  readonly output: string
}

/** The streams of an interactive command. */
export interface ExecIo {
  readonly stdin?: NodeJS.ReadableStream
  readonly onStdout: (chunk: Uint8Array) => void
  readonly onStderr: (chunk: Uint8Array) => void
  readonly signal: AbortSignal
}

const OUTPUT_BYTES_MAX = 10 * 1024

/**
 * Runs a command in the namespaces of a running container. An abort kills it.
 * @returns its exit code; 126 when the container does not run, as a shell that cannot start a command
 */
export async function execInDirectory(options: {
  readonly directory: string
  readonly command: readonly string[]
  readonly clock: Clock
  readonly io: ExecIo
}): Promise<number> {
  const pid = await waitForInit(options.directory, options.clock)
  if (pid === undefined) {
    options.io.onStderr(Buffer.from('the container does not run\n'))
    return 126
  }
  const [program = '', ...args] = execCommandLine(pid, options.command)
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: [options.io.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env: { ...containerEnvironment(pid) },
      signal: options.io.signal,
      killSignal: 'SIGKILL',
    })
    child.stdout?.on('data', options.io.onStdout)
    child.stderr?.on('data', options.io.onStderr)
    if (child.stdin) {
      // A command that ends before its input does closes the pipe.
      child.stdin.on('error', () => {})
      options.io.stdin?.pipe(child.stdin)
    }
    child.on('error', (error) => {
      if (error.name === 'AbortError') resolve(137)
      else reject(new Error(`exec failed: ${error.message}`, { cause: error }))
    })
    child.on('close', (code) => resolve(code ?? 137))
  })
}

/** Runs a command to its end or its deadline and collects what it printed. */
export async function execAndCollect(options: {
  readonly directory: string
  readonly command: readonly string[]
  readonly clock: Clock
  readonly timeoutMs: number
}): Promise<ExecResult> {
  let output = ''
  const collect = (chunk: Uint8Array) => {
    if (output.length < OUTPUT_BYTES_MAX) output += Buffer.from(chunk).toString('utf8')
  }
  const signal = AbortSignal.timeout(options.timeoutMs)
  try {
    const exitCode = await execInDirectory({
      ...options,
      io: { onStdout: collect, onStderr: collect, signal },
    })
    return { exitCode, output: signal.aborted ? `command timed out\n${output}` : output }
  } catch (error) {
    return { exitCode: 126, output: messageOf(error) }
  }
}
