import { existsSync, readFileSync } from 'node:fs'
import { systemClock, systemRandom } from '../../base/index.ts'
import type { Service } from '../../kube/index.ts'
import { createInformer, KINDS } from '../../kube/client/index.ts'
import { enterNetns } from '../../linux/index.ts'
import { createForwarder, plannedForwards, startListeners } from '../../local-cluster/rootless/index.ts'
import { connect, stateOf } from '../cluster.ts'
import type { CommandCall } from '../command-call.ts'
import { processLogger, terminationSignal, untilAborted } from '../environment.ts'
import { exitWith } from '../exit.ts'

const UNPRIVILEGED_START = '/proc/sys/net/ipv4/ip_unprivileged_port_start'
const KUBECONFIG_POLL_MS = 50

/** Makes the ports of a cluster without root reachable at 127.0.0.1 of the machine. */
export async function run(call: CommandCall): Promise<void> {
  const stopping = terminationSignal()
  const state = stateOf(call)
  const common = { clock: systemClock, random: systemRandom, logger: processLogger('forwarder') }
  const ports = {
    apiPort: Number(call.options['apiPort']),
    // Read before this thread leaves the machine's network: the setting belongs to a network.
    unprivilegedStart: Number(readFileSync(UNPRIVILEGED_START, 'latin1')),
  }
  const listeners = await startListeners()
  enterNetns(String(call.options['netns']))
  const forwarder = createForwarder({ ...common, state, listeners })
  forwarder.forward(plannedForwards([], ports))
  while (!existsSync(state.kubeconfig)) await systemClock.sleep(KUBECONFIG_POLL_MS, stopping)
  const services = createInformer<Service>({
    ...common,
    kind: KINDS.service,
    client: connect({ ...call, options: { ...call.options, kubeconfig: state.kubeconfig } }),
    onChange: () => forwarder.forward(plannedForwards(services.list(), ports)),
  })
  await untilAborted(stopping)
  services.stop()
  await forwarder.close()
  await listeners.close()
  exitWith(0)
}
