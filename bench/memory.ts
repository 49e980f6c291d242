import { ask } from '../src/cli/demo/sampling.ts'
import type { TestCluster } from '../test/support/cluster.ts'
import { waitFor } from '../test/support/wait.ts'
import type { Figure } from './figures.ts'
import { type ClusterProcesses, clusterProcesses, cpuMilliseconds, pssMegabytes } from './processes.ts'
import type { Session } from './session.ts'

const GOAL_MB = 400
const REQUESTS = 2_000
const SIDECARS = 20

/** Proportional set size of what the project adds to the demo's own programs, with eight pods behind the node proxy. */
export async function measureMemory(session: Session): Promise<readonly Figure[]> {
  const { cluster, client, gateway } = await session.demo()
  const processes = clusterProcesses(cluster.stateDirectory)
  const pids = Object.values(processes)
  await untilIdle(pids)
  const atRest = sizes('at rest', processes)
  session.print(`• ${REQUESTS} requests …`)
  const route = await cluster.kubectl(
    'create -f samples/demo/routing/gateway-api/route-round-robin.yaml -n demo -o name',
  )
  await waitFor('the route', async () => (await ask({ address: gateway, path: '/app/' })).status === 200)
  for (let sent = 0; sent < REQUESTS; sent++) await ask({ address: gateway, path: '/app/' })
  await untilIdle(pids)
  const afterLoad = sizes(`after ${REQUESTS} requests`, processes)
  await cluster.kubectl(`delete ${route.trim()} -n demo`)
  const pods = await client.request({ method: 'GET', path: '/api/v1/pods' })
  const count = (pods.body as { readonly items: readonly unknown[] }).items.length
  const sidecar = await sidecarFigure(cluster, processes.nodeProxy, pids, session.print)
  return [...atRest, ...afterLoad, sidecar, { name: 'pods in the cluster', value: count, unit: '' }]
}

/** What the node proxy grows by for each pod more that has a sidecar, with its certificate, its ports and its configuration. */
async function sidecarFigure(
  cluster: TestCluster,
  nodeProxy: number,
  pids: readonly number[],
  print: (line: string) => void,
): Promise<Figure> {
  print(`• ${SIDECARS} pods with sidecars …`)
  await untilIdle(pids)
  const before = pssMegabytes(nodeProxy)
  await cluster.kubectl(
    `create deployment more -n demo --image=busybox --replicas=${SIDECARS} -- sleep 100000`,
  )
  await cluster.kubectl('rollout status deployment/more -n demo --timeout=120s')
  await untilIdle(pids)
  const value = (pssMegabytes(nodeProxy) - before) / SIDECARS
  return { name: `node proxy, for each of ${SIDECARS} sidecars more`, value, unit: 'MB' }
}

function sizes(when: string, processes: ClusterProcesses): readonly Figure[] {
  const each = Object.entries(processes).map(([name, pid]) => ({
    name: `${name} ${when}`,
    value: pssMegabytes(pid),
    unit: 'MB',
  }))
  const value = each.reduce((sum, figure) => sum + figure.value, 0)
  return [...each, { name: `together ${when}`, value, unit: 'MB', most: GOAL_MB }]
}

/** Half a second in which all of them together used less than a tenth of a processor. */
async function untilIdle(pids: readonly number[]): Promise<void> {
  const used = () => pids.reduce((sum, pid) => sum + cpuMilliseconds(pid), 0)
  let before = used()
  await waitFor(
    'the cluster to come to rest',
    () => {
      const now = used()
      const spent = now - before
      before = now
      return spent < 50
    },
    { everyMs: 500 },
  )
}
