import { parseDurationMs, systemClock } from '../../base/index.ts'
import type { KubeClient } from '../../kube/client/index.ts'
import {
  type Installation,
  installMesh,
  planInstallation,
  renderInstallation,
} from '../../mesh/install/index.ts'
import { stringify } from 'yaml'
import { connect } from '../cluster.ts'
import type { CommandCall } from '../command-call.ts'
import { PACKAGE_VERSION } from '../environment.ts'
import { CliError, ExitCode } from '../exit.ts'

export async function run(call: CommandCall): Promise<void> {
  const { options } = call
  if ((options['filename'] as readonly string[]).length > 0) {
    throw new CliError('IstioOperator files are not read yet: say the same with --set', ExitCode.usage)
  }
  const timeoutMs = parseDurationMs(String(options['readinessTimeout']))
  if (timeoutMs === undefined)
    throw new CliError(
      `--readiness-timeout ${String(options['readinessTimeout'])} is not a duration such as 5m`,
      ExitCode.usage,
    )
  const revision = options['revision']
  const request = {
    set: options['set'] as readonly string[],
    ...(typeof revision === 'string' ? { revision } : {}),
  }
  if (options['dryRun'] === true) {
    for (const { objects } of renderInstallation(plan(request)))
      for (const object of objects) console.log(`---\n${stringify(object).trimEnd()}`)
    return
  }
  await installOnto(connect(call), { ...request, timeoutMs, print: (line) => console.log(line) })
}

export interface InstallRequest {
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
    throw error instanceof CliError
      ? error
      : new CliError(error instanceof Error ? error.message : String(error))
  }
}

function plan(request: Pick<InstallRequest, 'set' | 'revision'>): Installation {
  const planned = planInstallation({
    set: request.set,
    ...(request.revision === undefined ? {} : { revision: request.revision }),
    version: PACKAGE_VERSION,
  })
  if (planned.ok) return planned.value
  throw new CliError(
    planned.error.map(({ path, message }) => `${path}: ${message}`).join('\n'),
    ExitCode.usage,
  )
}
