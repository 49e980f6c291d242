import { stringify } from 'yaml'
import { type MeshVersion, meshVersion } from '../../mesh/install/index.ts'
import { connect, kubeconfigPath } from '../cluster.ts'
import { type CommandCall, textOption } from '../command-call.ts'
import { PACKAGE_VERSION } from '../environment.ts'
import { CliError, ExitCode } from '../exit.ts'

export async function run(call: CommandCall): Promise<void> {
  const { options } = call
  const remote =
    options['remote'] === 'false' || kubeconfigPath(call) === undefined ? undefined : await askCluster(call)
  const output = textOption(call, 'output')
  if (output === undefined) {
    for (const line of describe(remote)) console.log(line)
    return
  }
  const report = { clientVersion: { version: PACKAGE_VERSION }, ...(remote ? { meshVersion: remote } : {}) }
  if (output === 'json') console.log(JSON.stringify(report, undefined, 2))
  else if (output === 'yaml') console.log(stringify(report).trimEnd())
  else throw new CliError(`--output is json or yaml, not ${output}`, ExitCode.usage)
}

async function askCluster(call: CommandCall): Promise<MeshVersion | undefined> {
  try {
    return await meshVersion(connect(call), String(call.options['istioNamespace']))
  } catch (error) {
    // As istioctl: the client's version is worth printing even if the cluster cannot be reached.
    console.error(
      `unable to retrieve the versions of the cluster: ${error instanceof Error ? error.message : String(error)}`,
    )
    return undefined
  }
}

function describe(remote: MeshVersion | undefined): readonly string[] {
  const client = `client version: ${PACKAGE_VERSION}`
  if (!remote) return [client]
  const proxies = Object.entries(remote.dataPlane).map(
    ([version, count]) => `${version} (${count} ${count === 1 ? 'proxy' : 'proxies'})`,
  )
  return [
    client,
    `control plane version: ${remote.controlPlane.length > 0 ? remote.controlPlane.join(', ') : 'none running'}`,
    `data plane version: ${proxies.length > 0 ? proxies.join(', ') : 'none'}`,
  ]
}
