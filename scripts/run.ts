import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { resolve } from 'node:path'

export const REPOSITORY = resolve(import.meta.dirname, '..')

/**
 * Runs a command with its output shown. @returns its exit status; 127 when it cannot be started
 * @param started hears of the process, for who has signals to hand on
 */
export function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  started: (child: ChildProcess) => void = () => {},
): Promise<number> {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: REPOSITORY, stdio: 'inherit', env: { ...process.env, ...env } })
    started(child)
    child.on('error', (error) => {
      console.error(`${command}: ${error.message}`)
      done(127)
    })
    child.on('close', (code) => done(code ?? 1))
  })
}

/** Runs a command and keeps what it prints. */
export function runQuietly(
  command: string,
  args: readonly string[],
): Promise<{ readonly status: number; readonly output: string }> {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: REPOSITORY, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    child.on('error', (error) => done({ status: 127, output: `${command}: ${error.message}\n` }))
    child.on('close', (code) => done({ status: code ?? 1, output }))
  })
}

export function isInstalled(program: string): boolean {
  return (
    spawnSync('sh', ['-c', `PATH="$PATH:/usr/sbin:/sbin" command -v ${program}`], { stdio: 'ignore' })
      .status === 0
  )
}

/** A heading with the seconds that the step took, so that a slow step is seen where it happens. */
export async function step(name: string, action: () => Promise<number> | number): Promise<void> {
  const started = performance.now()
  const status = await action()
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  if (status !== 0) {
    console.error(`✗ ${name} failed (exit status ${status}, ${seconds} s)`)
    process.exit(status)
  }
  console.log(`✔ ${name} (${seconds} s)`)
}
