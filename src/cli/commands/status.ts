import { isPrivileged } from '../../linux/index.ts'
import { CLUSTER_NETWORK, runningProcess, type StateDirectory } from '../../local-cluster/index.ts'
import { type Forward, FORWARD_HOST, readForwards } from '../../local-cluster/rootless/index.ts'
import { unreachable } from '../../base/index.ts'
import type { KubeObject, Pod } from '../../kube/index.ts'
import { KINDS } from '../../kube/client/index.ts'
import { connect, stateOf } from '../cluster.ts'
import { rootlessLimits } from '../composition/machine.ts'
import { CLUSTER_PROCESSES } from '../composition/processes.ts'
import { CliError, ExitCode } from '../exit.ts'
import type { CommandCall } from '../command-call.ts'

export async function run(call: CommandCall): Promise<void> {
  const state = stateOf(call)
  const rootless = !isPrivileged()
  const names = ['supervisor', ...CLUSTER_PROCESSES, ...(rootless ? ['forwarder'] : [])]
  const running = names.map((name) => ({ name, process: runningProcess(state.run, name) }))
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
  if (rootless) printRootless(state)
}

function printRootless(state: StateDirectory): void {
  console.log('\nWithout root the cluster has a network of its own. From this machine:')
  for (const forward of readForwards(state))
    console.log(`  ${`${FORWARD_HOST}:${forward.localPort}`.padEnd(16)} ${describe(forward)}`)
  for (const limit of rootlessLimits(state)) console.log(`  ${limit}`)
}

function describe({ target, address, port }: Forward): string {
  switch (target.kind) {
    case 'api':
      return 'the Kubernetes API'
    case 'node-port':
      return `node port of ${target.service}, port ${target.servicePort}`
    case 'load-balancer':
      return `${address}:${port}, the address of ${target.service}`
    default:
      return unreachable(target)
  }
}
