import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { createLogger, type Logger, type LogLevel } from '../base/index.ts'

/** The package's folder: where `bin`, `samples` and (in a clone) `src` are. */
export const PACKAGE_ROOT = resolve(import.meta.dirname, '../..')

export const PACKAGE_VERSION = (
  JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as { version: string }
).version

export function defaultStateDirectory(): string {
  return process.env['LATEEN_STATE'] ?? join(homedir(), '.lateen')
}

/** Ordinary users do not have the folders of `ip` and `nft` on their search path; our processes hand it down. */
export function completeSearchPath(): void {
  const folders = searchPath().split(':')
  const missing = ['/usr/local/sbin', '/usr/sbin', '/sbin'].filter((folder) => !folders.includes(folder))
  process.env['PATH'] = [...folders, ...missing].join(':')
}

export function searchPath(): string {
  return process.env['PATH'] ?? '/usr/bin:/bin'
}

/**
 * How a process of ours starts another command of this program.
 * @param nodeOptions of this process alone, such as the size of its young generation
 */
export function selfCommand(
  args: readonly string[],
  nodeOptions: readonly string[] = [],
): { readonly command: string; readonly args: readonly string[] } {
  const main = join(
    import.meta.dirname,
    existsSync(join(import.meta.dirname, 'main.ts')) ? 'main.ts' : 'main.js',
  )
  return {
    command: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', ...nodeOptions, main, ...args],
  }
}

export function processLogger(scope: string): Logger {
  const level = (process.env['LATEEN_LOG'] ?? 'info') as LogLevel
  return createLogger({ scope, level, write: (line) => process.stdout.write(line), now: () => Date.now() })
}

/** Aborted by the first SIGTERM or SIGINT. */
export function terminationSignal(): AbortSignal {
  const abort = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => abort.abort(new Error(name)))
  return abort.signal
}

/** Resolves once the signal is aborted; at once when it is already: somebody may be asked to end while it starts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** The same for a program that has nothing else to do: a signal handler alone does not keep it running, so a timer does. */
export async function keepRunningUntil(signal: AbortSignal): Promise<void> {
  const timer = setInterval(() => {}, 60_000)
  await untilAborted(signal)
  clearInterval(timer)
}
