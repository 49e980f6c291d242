import { existsSync, readFileSync } from 'node:fs'
import { systemClock, systemRandom } from '../../base/index.ts'
import { type ClusterDns, createClusterDns, parseResolvConf } from '../../local-cluster/dns/index.ts'
import {
  CLUSTER_NETWORK,
  createStateDirectory,
  recordPath,
  recordProcess,
  runningProcess,
  type StateDirectory,
  writeRecord,
} from '../../local-cluster/index.ts'
import { resolvConfPath } from '../../local-cluster/rootless/index.ts'
import { createNodeProxy } from '../../proxy/index.ts'
import { connect, stateOf } from '../cluster.ts'
import type { CommandCall } from '../command-call.ts'
import { ensureClusterNetwork } from '../composition/node.ts'
import { PACKAGE_VERSION, processLogger, terminationSignal, untilAborted } from '../environment.ts'
import { CliError, ExitCode, exitWith } from '../exit.ts'
import { bytesOption, countOption, durationOption } from '../options.ts'

/** How soon the kubeconfig, which the API server's process writes at its first start, is looked for again. */
const KUBECONFIG_POLL_MS = 50
/** How long a successor waits for the API server before it takes over with names that it cannot answer yet. */
const DNS_SYNC_WAIT_MS = 5000

/** The process that hosts the proxies of all pods, and the cluster's name server. */
export async function run(call: CommandCall): Promise<void> {
  const stopping = terminationSignal()
  const state = stateOf(call)
  createStateDirectory(state)
  const common = { clock: systemClock, random: systemRandom, logger: processLogger('node-proxy') }
  let dns: ClusterDns | undefined
  const connectionsMax = countOption(call, 'maxConnections')
  const memoryMax = await bytesOption(call, 'maxMemory')
  const proxy = await createNodeProxy({
    ...common,
    socketPath: state.nodeProxySocket,
    handoverPath: state.handoverSocket,
    version: PACKAGE_VERSION,
    pid: process.pid,
    concurrency: countOption(call, 'concurrency') ?? 1,
    ...(connectionsMax !== undefined && { connectionsMax }),
    ...(memoryMax !== undefined && { memoryMax }),
    drainMs: durationOption(call, 'drainTime'),
    onServing() {
      const self = recordProcess(process.pid)
      if (self) writeRecord(recordPath(state.run, 'node-proxy'), { ...self, version: PACKAGE_VERSION })
    },
    otherSockets: () => Object.entries(dns?.sockets() ?? {}),
    cpuMs: () => process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000,
  })
  const serving = runningProcess(state.run, 'node-proxy')
  const tookOver = await proxy.start()
  if (!tookOver && serving !== undefined && serving.pid !== process.pid)
    throw new CliError(`process ${serving.pid} serves already and does not hand over`, ExitCode.unavailable)
  const [udp, tcp] = [proxy.inheritedSocket('udp'), proxy.inheritedSocket('tcp')]
  const inherited = udp === undefined || tcp === undefined ? undefined : { udp, tcp }
  // With nobody to wait for, pods need not wait for names either.
  if (inherited === undefined) await proxy.serve()
  await ensureClusterNetwork()
  while (!existsSync(state.kubeconfig)) await systemClock.sleep(KUBECONFIG_POLL_MS, stopping)
  dns = createClusterDns({
    ...common,
    client: connect({ ...call, options: { ...call.options, kubeconfig: state.kubeconfig } }),
    listen: { address: CLUSTER_NETWORK.dnsAddress, port: 53 },
    inherited,
    clusterDomain: CLUSTER_NETWORK.clusterDomain,
    upstreams: () => parseResolvConf(resolvConf(state)),
    namesOf: proxy.addressesOf,
  })
  const stopped = untilAborted(stopping)
  const over = Promise.race([stopped, proxy.succeeded()])
  // It is ready when the API server has answered, for which nobody waits who is to end.
  await Promise.race([dns.ready, stopped])
  if (inherited !== undefined && !stopping.aborted) {
    // Both answer from here on; the predecessor does until it ends.
    await Promise.race([dns.synced, systemClock.sleep(DNS_SYNC_WAIT_MS)])
    await proxy.serve()
  }
  await over
  await Promise.all([dns.stop(), proxy.close()])
  // The drain of a proxy that was stopping already must not hold up the end.
  exitWith(0)
}

function resolvConf(state: StateDirectory): string {
  const path = [resolvConfPath(state), '/etc/resolv.conf'].find((file) => existsSync(file))
  return path === undefined ? '' : readFileSync(path, 'utf8')
}
