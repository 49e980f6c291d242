import { spawn } from 'node:child_process'

export interface LoadResult {
  readonly name: string
  readonly requests: number
  readonly failed: number
  /** What the tool said about failures. */
  readonly words: string
}

type Reader = (output: string) => Omit<LoadResult, 'name'>

/** Runs a load generator to its end. @throws when it could not run */
export function startLoad(
  name: string,
  command: string,
  args: readonly string[],
  read: Reader,
): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve({ name, ...read(output) })
      else reject(new Error(`${command} ended with ${code}: ${output.slice(-500)}`))
    })
  })
}

export const wrkResult: Reader = (output) => {
  const requests = Number(/(\d+) requests in/.exec(output)?.[1] ?? 0)
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output)
  const statuses = /Non-2xx or 3xx responses: (\d+)/.exec(output)
  const failed =
    (sockets?.slice(1).reduce((sum, count) => sum + Number(count), 0) ?? 0) + Number(statuses?.[1] ?? 0)
  return { requests, failed, words: [sockets?.[0], statuses?.[0]].filter(Boolean).join('; ') }
}

export const h2loadResult: Reader = (output) => {
  const line = /requests: (\d+) total.*?(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/.exec(
    output,
  )
  const [, , succeeded, failed, errored, timedOut] = (line ?? []).map(Number)
  return {
    requests: (succeeded ?? 0) + (failed ?? 0),
    failed: (failed ?? 0) + (errored ?? 0) + (timedOut ?? 0),
    words: `${line?.[0] ?? output.slice(-300)} ${/status codes:.*/.exec(output)?.[0] ?? ''}`,
  }
}
