import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE_ROOT, searchPath } from '../environment.ts'
import { CliError, ExitCode } from '../exit.ts'

export interface Kubectl {
  readonly path: string
  /** Shows the command as the user would type it, and runs it. @throws CliError with kubectl's words when it fails */
  readonly show: (args: readonly string[]) => Promise<string>
  /** Runs it silently. */
  readonly run: (args: readonly string[]) => Promise<string>
}

const DEADLINE_MS = 60_000

/** The user's own. @param except a folder of ours, in which there may be a link to the bundled one */
export function ownKubectl(except?: string): string | undefined {
  return searchPath()
    .split(':')
    .filter((folder) => folder !== '' && folder !== except)
    .map((folder) => join(folder, 'kubectl'))
    .find(isProgram)
}

/** In a clone one has come with the development dependencies. */
export function bundledKubectl(): string | undefined {
  const path = join(PACKAGE_ROOT, '.tools/bin/kubectl')
  return existsSync(path) ? path : undefined
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

export function findKubectl(kubeconfig: string, print: (line: string) => void): Kubectl {
  const path = ownKubectl() ?? bundledKubectl()
  if (path === undefined) {
    throw new CliError(
      'kubectl is not on the PATH: install it (https://kubernetes.io/docs/tasks/tools/) and run this again',
      ExitCode.unavailable,
    )
  }
  const run = (args: readonly string[]) => runToEnd(path, args, kubeconfig)
  return {
    path,
    run,
    show(args) {
      print(`  $ kubectl ${args.join(' ')}`)
      return run(args)
    },
  }
}

async function runToEnd(path: string, args: readonly string[], kubeconfig: string): Promise<string> {
  const child = spawn(path, args, {
    cwd: PACKAGE_ROOT,
    env: { ...process.env, KUBECONFIG: kubeconfig },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: DEADLINE_MS,
  })
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  if (status !== 0)
    throw new CliError(`kubectl ${args.join(' ')}: ${errors.trim() || `ended with status ${status}`}`)
  return output
}
