import { existsSync, readFileSync } from 'node:fs'
import { systemClock, systemRandom } from '../../base/index.ts'
import { createClusterDns, parseResolvConf } from '../../local-cluster/dns/index.ts'
import { CLUSTER_NETWORK, createStateDirectory, type StateDirectory } from '../../local-cluster/index.ts'
import { resolvConfPath } from '../../local-cluster/rootless/index.ts'
import { createNodeProxy } from '../../proxy/index.ts'
import { connect, stateOf } from '../cluster.ts'
import type { CommandCall } from '../command-call.ts'
import { ensureClusterNetwork } from '../composition/node.ts'
import { PACKAGE_VERSION, processLogger, terminationSignal, untilAborted } from '../environment.ts'
import { exitWith } from '../exit.ts'

/** How soon the kubeconfig, which the API server's process writes at its first start, is looked for again. */
const KUBECONFIG_POLL_MS = 50

/** The process that hosts the proxies of all pods, and the cluster's name server. */
export async function run(call: CommandCall): Promise<void> {
  const stopping = terminationSignal()
  const state = stateOf(call)
  createStateDirectory(state)
  const common = { clock: systemClock, random: systemRandom, logger: processLogger('node-proxy') }
  const proxy = createNodeProxy({
    ...common,
    socketPath: state.nodeProxySocket,
    version: PACKAGE_VERSION,
    cpuMs: () => process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000,
  })
  await proxy.start()
  await ensureClusterNetwork()
  while (!existsSync(state.kubeconfig)) await systemClock.sleep(KUBECONFIG_POLL_MS, stopping)
  const dns = createClusterDns({
    ...common,
    client: connect({ ...call, options: { ...call.options, kubeconfig: state.kubeconfig } }),
    listen: { address: CLUSTER_NETWORK.dnsAddress, port: 53 },
    clusterDomain: CLUSTER_NETWORK.clusterDomain,
    upstreams: () => parseResolvConf(resolvConf(state)),
  })
  const stopped = untilAborted(stopping)
  // It is ready when the API server has answered, for which nobody waits who is to end.
  await Promise.race([dns.ready.then(() => stopped), stopped])
  await Promise.all([dns.stop(), proxy.close()])
  // The drain of a proxy that was stopping already must not hold up the end.
  exitWith(0)
}

function resolvConf(state: StateDirectory): string {
  const path = [resolvConfPath(state), '/etc/resolv.conf'].find((file) => existsSync(file))
  return path === undefined ? '' : readFileSync(path, 'utf8')
}
