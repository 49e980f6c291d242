import { constants, openSync, writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { runCommand } from '../../../linux/index.ts'
import { innerPid, sendSignal } from './process-container.ts'
import { INPUT_OVER, type ShimOptions } from './shim.ts'

type InputOptions = Pick<ShimOptions, 'directory' | 'stdin' | 'tty'>

/** Makes the pipe of the program's input. @returns its descriptors: one to read from, and one that keeps it from ending */
export async function openInputs({ directory, stdin, tty }: InputOptions): Promise<readonly number[]> {
  if (stdin === 'none' && !tty) return []
  await runCommand('mkfifo', ['-m', '600', inputPipe(directory)])
  const both = openSync(inputPipe(directory), constants.O_RDWR)
  // A terminal's input has no end, and neither has one that may be attached to again.
  if (tty || stdin === 'open') return [both]
  return [openSync(inputPipe(directory), constants.O_RDONLY), both]
}

function inputPipe(directory: string): string {
  return join(directory, 'stdin')
}

/** What a terminal's user types to end an input: once to hand over an unfinished line, once more for its end. */
const END_OF_INPUT = '\u0004\u0004'

/**
 * Gives the program what somebody types. With the end of the first such input the program's ends as well, where it is
 * to have one input only (`stdinOnce`).
 */
export function feedProgram(input: {
  readonly directory: string
  readonly from: Readable
  readonly once: boolean
  readonly tty: boolean
}): void {
  const { directory, from, once, tty } = input
  const pipe = openPipe(directory)
  if (pipe === undefined) {
    from.resume()
    return
  }
  // A program that ends before its input does closes the pipe.
  pipe.on('error', () => from.resume())
  from.on('error', () => pipe.end())
  from.on('end', () => pipe.end(once && tty ? END_OF_INPUT : ''))
  from.on('close', () => pipe.end())
  pipe.on('close', () => {
    if (once) endInput(directory)
  })
  from.pipe(pipe, { end: false })
}

/** @returns undefined when the program has no input, or has ended */
function openPipe(directory: string): Socket | undefined {
  try {
    const fd = openSync(inputPipe(directory), constants.O_WRONLY | constants.O_NONBLOCK)
    return new Socket({ fd, readable: false, writable: true })
  } catch {
    return undefined
  }
}

/** Lets a program whose input is `once` see its end, after what was written. */
function endInput(directory: string): void {
  try {
    writeFileSync(join(directory, INPUT_OVER), '')
  } catch {
    return // the directory is gone, and the program with it
  }
  const pid = innerPid(directory)
  if (pid !== undefined) sendSignal(pid, 'SIGUSR1')
}
