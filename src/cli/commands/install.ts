import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { messageOf, parseDurationMs, systemClock, type Violation } from '../../base/index.ts'
import type { KubeClient } from '../../kube/client/index.ts'
import {
  type Installation,
  installMesh,
  parseOperatorFile,
  planInstallation,
  renderInstallation,
  type SettingTree,
} from '../../mesh/install/index.ts'
import { stringify } from 'yaml'
import { connect } from '../cluster.ts'
import type { CommandCall } from '../command-call.ts'
import { PACKAGE_VERSION } from '../environment.ts'
import { CliError, ExitCode } from '../exit.ts'

export async function run(call: CommandCall): Promise<void> {
  const { options } = call
  const timeoutMs = parseDurationMs(String(options['readinessTimeout']))
  if (timeoutMs === undefined)
    throw new CliError(
      `--readiness-timeout ${String(options['readinessTimeout'])} is not a duration such as 5m`,
      ExitCode.usage,
    )
  const revision = options['revision']
  const request = {
    files: (options['filename'] as readonly string[]).map(readOperatorFile),
    set: options['set'] as readonly string[],
    ...(typeof revision === 'string' ? { revision } : {}),
  }
  if (options['dryRun'] === true) {
    for (const { objects } of renderInstallation(plan(request)))
      for (const object of objects) console.log(`---\n${stringify(object).trimEnd()}`)
    return
  }
  const client = connect(call)
  if (options['skipConfirmation'] !== true && process.stdin.isTTY && !(await isConfirmed(plan(request)))) {
    console.log('Cancelled.')
    return
  }
  await installOnto(client, { ...request, timeoutMs, print: (line) => console.log(line) })
}

function readOperatorFile(path: string): SettingTree {
  const read = parseOperatorFile(textOf(path))
  if (read.ok) return read.value
  throw settingsError(read.error, `${path === '-' ? 'standard input' : path}: `)
}

function textOf(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8')
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : messageOf(error)
    throw new CliError(`${path}: ${why}`, ExitCode.usage)
  }
}

async function isConfirmed({ profile, version, namespace }: Installation): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  const answer = await lines.question(
    `This will install the mesh ${version} with profile "${profile}" into the namespace ${namespace}.\nProceed? (y/N) `,
  )
  lines.close()
  return /^y(es)?$/i.test(answer.trim())
}

export interface InstallRequest {
  readonly files?: readonly SettingTree[]
  readonly set: readonly string[]
  readonly revision?: string
  readonly timeoutMs: number
  readonly print: (line: string) => void
}

export async function installOnto(client: KubeClient, request: InstallRequest): Promise<void> {
  try {
    await installMesh({
      client,
      installation: plan(request),
      clock: systemClock,
      timeoutMs: request.timeoutMs,
      progress: request.print,
    })
  } catch (error) {
    throw error instanceof CliError ? error : new CliError(messageOf(error))
  }
}

function plan(request: Pick<InstallRequest, 'files' | 'set' | 'revision'>): Installation {
  const planned = planInstallation({
    files: request.files ?? [],
    set: request.set,
    ...(request.revision === undefined ? {} : { revision: request.revision }),
    version: PACKAGE_VERSION,
  })
  if (planned.ok) return planned.value
  throw settingsError(planned.error)
}

function settingsError(violations: readonly Violation[], where = ''): CliError {
  const lines = violations.map(({ path, message }) => `${where}${path}: ${message}`)
  return new CliError(lines.join('\n'), ExitCode.usage)
}
