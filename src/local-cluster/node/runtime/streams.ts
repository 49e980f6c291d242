import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'

/** As a shell tells of a program that a signal has ended. */
export function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal === null ? 9 : constants.signals[signal])
}

export function feed(from: Readable | undefined, to: Writable | null): void {
  if (from === undefined || to === null) return
  // A command that ends before its input does closes the pipe.
  to.on('error', () => from.resume())
  from.on('error', () => to.end())
  from.on('close', () => to.end())
  from.pipe(to)
}

/** Copies an output as fast as its reader takes it. Resolves when all of it is handed over, or nobody reads any more. */
export function pour(from: Readable | null, to: Writable | undefined): Promise<void> {
  if (from === null || to === undefined) {
    from?.resume()
    return Promise.resolve()
  }
  return new Promise((resolve) => {
    from.on('end', resolve)
    from.on('error', () => resolve())
    from.on('close', () => resolve())
    to.on('close', () => {
      from.unpipe(to)
      from.resume()
      resolve()
    })
    from.pipe(to, { end: false })
  })
}
