import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLogger, type Logger, systemClock, systemRandom } from '../../../base/index.ts'
import type { KubeObject, Pod } from '../../../kube/index.ts'
import { createKubeClient, KINDS, type KubeClient } from '../../../kube/client/index.ts'
import { ensureBridge } from '../../../linux/index.ts'
import { createApiServer, createPki, type NodeApi } from '../../apiserver/index.ts'
import { CLUSTER_NETWORK } from '../../network.ts'
import { createSqliteStore } from '../../store/index.ts'
import { createNodeAgent, type ImageEntry, type NodeAgent, teardownNode } from '../index.ts'

/** An API server and a node agent in the present network namespace, which should be one for the test alone. */
export interface TestNode {
  readonly client: KubeClient
  readonly stateDir: string
  readonly agent: () => NodeAgent
  /** As if the process had been killed and started again: nothing is handed over in memory. */
  readonly restartAgent: () => Promise<void>
  readonly run: (pod: PodParts) => Promise<Pod>
  readonly pod: (name: string) => Promise<Pod | undefined>
  /** @throws with the pod's status when the condition does not come true in time */
  readonly until: (name: string, condition: (pod: Pod) => boolean, what: string) => Promise<Pod>
  readonly untilGone: (name: string) => Promise<void>
  readonly logs: (pod: Pod, container: string, previous?: boolean) => Promise<string>
  readonly close: () => Promise<void>
}

export interface PodParts {
  readonly name: string
  readonly spec: Pod['spec']
  readonly labels?: Readonly<Record<string, string>>
}

const DEADLINE_MS = 15_000
const NAMESPACE = 'default'

export async function startTestNode(options: {
  readonly images: readonly ImageEntry[]
  readonly verbose?: boolean
}): Promise<TestNode> {
  // Not below /tmp, which containers see as their own.
  const stateDir = mkdtempSync(join(process.cwd(), '.lateen-test-'))
  // Plain files in the place of the kernel's, which few machines offer to tests.
  mkdirSync(cgroupRootOf(stateDir))
  writeFileSync(join(cgroupRootOf(stateDir), 'cgroup.controllers'), 'cpu memory\n')
  const logger = createLogger({
    scope: 'test',
    level: options.verbose ? 'debug' : 'error',
    write: (line) => process.stderr.write(line),
    now: Date.now,
  })
  const common = { clock: systemClock, random: systemRandom, logger }
  const network = { ...CLUSTER_NETWORK, loadBalancerCidr: CLUSTER_NETWORK.loadBalancerCidr }
  await ensureBridge({
    name: network.bridge,
    address: `${network.bridgeAddress}/16`,
    extraAddresses: [`${network.dnsAddress}/32`],
    routes: [network.serviceCidr, network.loadBalancerCidr],
  })
  const pki = await createPki({ directory: join(stateDir, 'pki'), clock: systemClock })
  const store = createSqliteStore({ path: join(stateDir, 'store.db') })
  let node: NodeApi | undefined
  const server = await createApiServer({ ...common, store, pki, node: () => node })
  const client = createKubeClient(server.localTransport({ name: 'system:test', groups: ['system:masters'] }))
  const startAgent = () => agentOf({ client, stateDir, logger, images: options.images })
  let agent = await startAgent()
  node = agent.nodeApi
  await client
    .create(KINDS.serviceAccount, {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'default', namespace: NAMESPACE },
    })
    .catch(() => {}) // the API server may have made it
  return {
    client,
    stateDir,
    agent: () => agent,
    async restartAgent() {
      await agent.stop()
      agent = await startAgent()
      node = agent.nodeApi
    },
    run: ({ name, spec, labels }) =>
      client.create<Pod>(KINDS.pod, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: NAMESPACE, ...(labels === undefined ? {} : { labels }) },
        spec: { terminationGracePeriodSeconds: 5, automountServiceAccountToken: false, ...spec },
      }),
    pod: (name) => client.get<Pod>(KINDS.pod, name, NAMESPACE),
    until: (name, condition, what) => untilPod(client, name, { condition, what }),
    untilGone: (name) => untilGone(client, name),
    logs: (pod, container, previous = false) => readLogs(agent, pod, { container, previous }),
    async close() {
      await agent.stop()
      await teardownNode({
        stateDir,
        clusterId: clusterIdOf(stateDir),
        bridge: network.bridge,
        bridgeAddresses: [`${network.bridgeAddress}/16`],
        tables: [],
        clock: systemClock,
      })
      await server.close()
      store.close()
      rmSync(stateDir, { recursive: true, force: true })
    },
  }
}

function agentOf(options: {
  readonly client: KubeClient
  readonly stateDir: string
  readonly logger: Logger
  readonly images: readonly ImageEntry[]
}): Promise<NodeAgent> {
  const { stateDir } = options
  return createNodeAgent({
    ...options,
    clock: systemClock,
    random: systemRandom,
    clusterId: clusterIdOf(stateDir),
    nodeName: CLUSTER_NETWORK.nodeName,
    network: CLUSTER_NETWORK,
    imagesFile: join(stateDir, 'images.json'),
    cgroupRoot: cgroupRootOf(stateDir),
    nodeProxySocket: join(stateDir, 'run/node-proxy.sock'),
    visiblePaths: [process.cwd()],
    containerEnv: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' },
  })
}

/** Where the scenarios find the groups that the node has made. */
export function cgroupRootOf(stateDir: string): string {
  return join(stateDir, 'cgroup')
}

function clusterIdOf(stateDir: string): string {
  return Buffer.from(stateDir.slice(-3)).toString('hex')
}

export async function waitFor<T>(look: () => Promise<T | undefined>, what: () => string): Promise<T> {
  const deadline = Date.now() + DEADLINE_MS
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error(`not within ${DEADLINE_MS} ms: ${what()}`)
    await systemClock.sleep(10)
  }
}

function untilPod(
  client: KubeClient,
  name: string,
  wanted: { readonly condition: (pod: Pod) => boolean; readonly what: string },
): Promise<Pod> {
  let last: KubeObject | undefined
  return waitFor(
    async () => {
      const pod = await client.get<Pod>(KINDS.pod, name, NAMESPACE)
      last = pod
      return pod !== undefined && wanted.condition(pod) ? pod : undefined
    },
    () => `${name} ${wanted.what}; its status is ${JSON.stringify(last?.status, undefined, 1)}`,
  )
}

async function untilGone(client: KubeClient, name: string): Promise<void> {
  await waitFor(
    async () => ((await client.get(KINDS.pod, name, NAMESPACE)) === undefined ? true : undefined),
    () => `${name} is gone`,
  )
}

async function readLogs(
  agent: NodeAgent,
  pod: Pod,
  options: { readonly container: string; readonly previous: boolean },
): Promise<string> {
  const chunks: Uint8Array[] = []
  const request = {
    ...options,
    namespace: NAMESPACE,
    pod: pod.metadata.name,
    podUid: pod.metadata.uid ?? '',
    follow: false,
    timestamps: false,
    signal: AbortSignal.timeout(DEADLINE_MS),
  }
  for await (const chunk of agent.nodeApi.logs(request)) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
