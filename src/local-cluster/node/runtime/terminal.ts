import { spawn } from 'node:child_process'
import type { RemoteIo, TerminalSize } from '../../apiserver/index.ts'
import { openPty } from '../../../linux/index.ts'
import { exitCodeOf, feed, pour } from './streams.ts'
import { systemProgram } from './system-program.ts'

/**
 * Runs a command on a terminal of its own. A terminal's descriptor cannot be read or written from this process
 * without the risk of waiting, so two `cat`s stand between it and pipes: back-pressure reaches the program, and a
 * program that does not read its terminal stops nobody else.
 */
export async function runOnTerminal(
  command: { readonly words: readonly string[]; readonly env: Readonly<Record<string, string>> },
  io: RemoteIo,
): Promise<number> {
  const pty = openPty()
  try {
    await firstSize(io, (size) => pty.resize(size))
    const [program = '', ...args] = command.words
    const child = spawn(program, args, {
      stdio: [pty.slave, pty.slave, pty.slave],
      env: { ...command.env },
      signal: io.signal,
      killSignal: 'SIGKILL',
    })
    const cat = systemProgram('cat')
    const reader = spawn(cat, [], { stdio: [pty.master, 'pipe', 'ignore'] })
    const writer =
      io.stdin === undefined ? undefined : spawn(cat, [], { stdio: ['pipe', pty.master, 'ignore'] })
    for (const helper of [reader, writer]) helper?.on('error', () => child.kill('SIGKILL'))
    feed(io.stdin, writer?.stdin ?? null)
    const output = pour(reader.stdout, io.stdout)
    // With the last descriptor of the slave closed the reader sees the end.
    pty.closeSlave()
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.on('error', (error) => {
        if (error.name !== 'AbortError') reject(new Error(`exec failed: ${error.message}`, { cause: error }))
      })
      child.on('exit', (code, signal) => resolve(exitCodeOf(code, signal)))
    })
    writer?.kill('SIGKILL')
    io.stdin?.unpipe()
    io.stdin?.resume()
    // Programs that the command has left behind on the terminal must not keep the client.
    const patience = setTimeout(() => reader.kill('SIGKILL'), LEFTOVER_MS)
    await output
    clearTimeout(patience)
    reader.kill('SIGKILL')
    return exitCode
  } finally {
    pty.close()
  }
}

/** A program that asks for the size at its start should find the client's, which comes a moment after the request. */
function firstSize(io: RemoteIo, resize: (size: TerminalSize) => void): Promise<void> {
  return new Promise((resolve) => {
    const patience = setTimeout(resolve, FIRST_SIZE_MS)
    io.onResize((size) => {
      resize(size)
      clearTimeout(patience)
      resolve()
    })
  })
}

const FIRST_SIZE_MS = 100

/** What the terminal still holds when its program ends is read in this time. */
const LEFTOVER_MS = 1000
