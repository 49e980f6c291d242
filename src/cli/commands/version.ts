import { stringify } from 'yaml'
import { messageOf } from '../../base/index.ts'
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
  const report = { clientVersion: { version: PACKAGE_VERSION, tag: PACKAGE_VERSION }, ...remote }
  if (output === 'json') console.log(JSON.stringify(report, undefined, 2))
  else if (output === 'yaml') console.log(stringify(report).trimEnd())
  else throw new CliError(`--output is json or yaml, not ${output}`, ExitCode.usage)
}

/** As istioctl: the client's version is worth printing even if there is no mesh or no cluster. */
async function askCluster(call: CommandCall): Promise<MeshVersion | undefined> {
  const namespace = String(call.options['istioNamespace'])
  try {
    const found = await meshVersion(connect(call), namespace)
    if (found.meshVersion.length > 0) return found
    console.error(`Istio is not present in the cluster with namespace "${namespace}"`)
  } catch (error) {
    console.error(`unable to retrieve the versions of the cluster: ${messageOf(error)}`)
  }
  return undefined
}

function describe(remote: MeshVersion | undefined): readonly string[] {
  const client = `client version: ${PACKAGE_VERSION}`
  if (!remote) return [client]
  const controlPlane = new Set(remote.meshVersion.map(({ Info }) => Info.version))
  const proxies = new Map<string, number>()
  for (const { IstioVersion } of remote.dataPlaneVersion)
    proxies.set(IstioVersion, (proxies.get(IstioVersion) ?? 0) + 1)
  const dataPlane = [...proxies].map(([version, count]) => `${version} (${count} proxies)`)
  return [
    client,
    `control plane version: ${[...controlPlane].join(', ')}`,
    `data plane version: ${dataPlane.length > 0 ? dataPlane.join(', ') : 'none'}`,
  ]
}
