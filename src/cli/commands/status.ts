import { CLUSTER_NETWORK, runningProcess } from '../../local-cluster/index.ts'
import type { KubeObject, Pod } from '../../kube/index.ts'
import { KINDS } from '../../kube/client/index.ts'
import { connect, stateOf } from '../cluster.ts'
import { CliError, ExitCode } from '../exit.ts'
import type { CommandCall } from '../command-call.ts'

const PROCESSES = ['supervisor', 'api-server', 'node-proxy'] as const

export async function run(call: CommandCall): Promise<void> {
  const state = stateOf(call)
  const running = PROCESSES.map((name) => ({ name, process: runningProcess(state.run, name) }))
  console.log(`state directory  ${state.root}`)
  for (const { name, process } of running)
    console.log(`${name.padEnd(16)} ${process ? `runs (pid ${process.pid})` : 'does not run'}`)
  if (running.every(({ process }) => !process))
    throw new CliError('the cluster is down; `lateen up` starts it', ExitCode.unavailable)
  const client = connect({ ...call, options: { ...call.options, kubeconfig: state.kubeconfig } })
  const node = await client.get<KubeObject>(KINDS.node, CLUSTER_NETWORK.nodeName)
  const pods = await client.list<Pod>(KINDS.pod)
  const ready = pods.items.filter((pod) =>
    pod.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True'),
  )
  console.log(`node             ${node ? node.metadata.name : 'not registered'}`)
  console.log(`pods             ${ready.length} of ${pods.items.length} ready`)
  console.log(`kubeconfig       ${state.kubeconfig}`)
}
