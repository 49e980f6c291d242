import { stringify } from 'yaml'
import { messageOf } from '../../base/index.ts'
import type { Pod } from '../../kube/index.ts'
import { KINDS, openPortForward } from '../../kube/client/index.ts'
import { connect, kubeconfig } from '../cluster.ts'
import { type CommandCall, textOption } from '../command-call.ts'
import { CliError, ExitCode } from '../exit.ts'
import { askOver } from '../proxy-admin.ts'
import { type ProxySync, statusTable } from '../proxy-sync.ts'

const DEBUG_PORT = 15_014

/** Which proxies there are, and whether they have what the control plane last said. @see istioctl proxy-status */
export async function run(call: CommandCall): Promise<void> {
  const output = textOption(call, 'output') ?? 'table'
  if (output !== 'table' && output !== 'json' && output !== 'yaml')
    throw new CliError(`--output is table, json or yaml, not ${output}`, ExitCode.usage)
  const all = await askReplicas(call)
  const [pod] = call.positional
  const namespace = textOption(call, 'namespace')
  const wanted = pod === undefined ? undefined : pod.replace(/^pods?\//, '')
  const rows = all.filter(({ proxy }) => {
    const [name = '', own = ''] = proxy.split('.')
    if (namespace !== undefined && own !== namespace) return false
    return wanted === undefined || proxy === wanted || name === wanted
  })
  if (wanted !== undefined && rows.length === 0)
    throw new CliError(`no proxy ${wanted} is connected to the control plane`, ExitCode.data)
  if (output === 'table') process.stdout.write(statusTable(rows))
  else console.log(output === 'json' ? JSON.stringify(rows, undefined, 2) : stringify(rows).trimEnd())
}

/** Each replica knows the proxies that are connected to it. */
async function askReplicas(call: CommandCall): Promise<readonly ProxySync[]> {
  const namespace = String(call.options['istioNamespace'])
  try {
    const { items } = await connect(call).list<Pod>(KINDS.pod, {
      namespace,
      labelSelector: 'app=istiod',
      fieldSelector: 'status.phase=Running',
    })
    if (items.length === 0) throw new Error(`no istiod runs in namespace ${namespace}`)
    const answers = await Promise.all(
      items.map(async ({ metadata: { name } }) => {
        const place = { namespace, pod: name, port: DEBUG_PORT }
        const text = await askOver(await openPortForward(kubeconfig(call), place), '/debug/syncz')
        return JSON.parse(text) as readonly ProxySync[]
      }),
    )
    return answers.flat()
  } catch (error) {
    if (error instanceof CliError) throw error
    throw new CliError(`the control plane does not answer: ${messageOf(error)}`, ExitCode.unavailable)
  }
}
