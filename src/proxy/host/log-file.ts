import { open, type FileHandle } from 'node:fs/promises'
import type { Clock } from '../../base/index.ts'
import { createAccessLogWriter } from '../../telemetry/index.ts'

/** A container's output: one file in append mode, written in batches, shared by access log and the proxy's own words. */
export interface LogFile {
  readonly write: (line: string) => void
  readonly close: () => Promise<void>
}

export function createLogFile(path: string, clock: Clock): LogFile {
  let file: Promise<FileHandle> | undefined
  let last: Promise<void> = Promise.resolve()
  const writer = createAccessLogWriter({
    sink(text) {
      last = append(text)
      return last
    },
    after: clock.after,
    // The disk is full or the directory gone: there is nowhere left to say so.
    onError: () => {
      file = undefined
    },
  })

  async function append(text: string): Promise<void> {
    file ??= open(path, 'a')
    await (await file).write(text)
  }

  return {
    write: writer.write,
    async close() {
      writer.flush()
      await last.catch(() => {})
      await (await file?.catch(() => undefined))?.close()
    },
  }
}
