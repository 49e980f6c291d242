import { join } from 'node:path'
import { messageOf, parseIpv4Cidr, silentLogger, systemClock, systemRandom } from '../../base/index.ts'
import type { Deployment, Event, Pod } from '../../kube/index.ts'
import { createInformer, isConflict, isNotFound, type KubeClient, KINDS } from '../../kube/client/index.ts'
import type { NodeApi } from '../apiserver/index.ts'
import { startTestServer } from '../apiserver/testing.ts'
import { startControllers } from './index.ts'
import { formatSeconds, isPodReady } from './pods.ts'

export const ROOT_CERTIFICATE = '-----BEGIN CERTIFICATE-----\nroot\n-----END CERTIFICATE-----\n'

/** The real API server over a store in memory, all controllers, and a kubelet that only writes statuses. */
export interface TestCluster {
  readonly client: KubeClient
  /** what the cluster keeps on disk, for the length of a test */
  readonly directory: string
  readonly kubelet: TestKubelet
  /** Stops the controllers at once and starts them anew, without anything that they remember. */
  readonly restartControllers: () => Promise<void>
  readonly stop: () => Promise<void>
}

export interface TestKubelet {
  /** Decides which pods become ready; pods are looked at again at once. */
  readonly setReadiness: (isReady: (pod: Pod) => boolean) => void
  /** While it is paused pods neither start nor end. */
  readonly setPaused: (paused: boolean) => void
  /** How a pod's containers end, by exit code; undefined while they run. Decides for pods of which it is asked first. */
  readonly setExits: (exitOf: (pod: Pod) => number | undefined) => void
  readonly podOf: (name: string) => Pod | undefined
}

export interface TestClusterOptions {
  /** What metrics.k8s.io says of pods. */
  readonly podUsage?: NodeApi['podUsage']
  /** How long pods say they have been ready at the moment when they become so. */
  readonly readyForMs?: number
  readonly jobBackoffMs?: number
}

export async function startTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const { podUsage } = options
  const api = await startTestServer(podUsage ? { node: () => measuring(podUsage) } : {})
  const common = { client: api.client, clock: systemClock, random: systemRandom, logger: silentLogger }
  const start = () =>
    startControllers({
      ...common,
      loadBalancerPool: parseIpv4Cidr('10.44.0.0/24') ?? { base: 0, bits: 32 },
      rootCertificate: ROOT_CERTIFICATE,
      volumesDirectory: join(api.directory, 'volumes'),
      ...(options.jobBackoffMs === undefined ? {} : { jobBackoffMs: options.jobBackoffMs }),
    })
  let controllers = start()
  const kubelet = startKubelet(api.client, options.readyForMs ?? 0)
  return {
    client: api.client,
    directory: api.directory,
    kubelet,
    async restartControllers() {
      await controllers.stop()
      controllers = start()
    },
    async stop() {
      await controllers.stop()
      kubelet.stop()
      await api.stop()
    },
  }
}

/** A node that only measures. */
function measuring(podUsage: NodeApi['podUsage']): NodeApi {
  const refuse = () => {
    throw new Error('this node only measures')
  }
  return {
    logs: refuse,
    isRunning: refuse,
    exec: refuse,
    attach: refuse,
    connect: refuse,
    nodeUsage: refuse,
    podUsage,
  }
}

function startKubelet(client: KubeClient, readyForMs: number): TestKubelet & { readonly stop: () => void } {
  let isReady: (pod: Pod) => boolean = () => true
  let exitOf: (pod: Pod) => number | undefined = () => undefined
  let isPaused = false
  let isStopped = false
  let lastAddress = 0
  const addresses = new Map<string, string>()
  const tend = async (pod: Pod): Promise<void> => {
    const { name, namespace, uid = '', deletionTimestamp } = pod.metadata
    // Each pod takes its own time, so that runs differ in what happens first.
    await systemClock.sleep(Math.random() * 4)
    if (isPaused || isStopped) return
    const isFinished = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
    if (deletionTimestamp !== undefined) {
      await client.delete(KINDS.pod, name, namespace, { gracePeriodSeconds: 0, uid })
      return
    }
    if (!pod.spec.nodeName) {
      const patch = { metadata: { uid }, spec: { nodeName: 'lateen' } }
      await client.patch(KINDS.pod, name, namespace, patch, { type: 'merge' })
      return
    }
    if (isFinished) return
    const exitCode = pod.status?.phase === 'Running' ? exitOf(pod) : undefined
    if (exitCode !== undefined) {
      await client.update(KINDS.pod, endedWith(pod, exitCode), { subresource: 'status' })
      return
    }
    const ready = isReady(pod)
    if (pod.status?.phase === 'Running' && isPodReady(pod) === ready) return
    if (!addresses.has(uid)) {
      lastAddress += 1
      addresses.set(uid, `10.42.${Math.floor(lastAddress / 250)}.${(lastAddress % 250) + 2}`)
    }
    const lastTransitionTime = formatSeconds(Date.now() - readyForMs)
    const startTime = pod.status?.startTime ?? lastTransitionTime
    const condition = { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime } as const
    const podIP = addresses.get(uid) ?? ''
    const status = { ...pod.status, phase: 'Running', startTime, podIP, conditions: [condition] } as const
    await client.update(KINDS.pod, { ...pod, status }, { subresource: 'status' })
  }
  const look = (pod: Pod) => {
    tend(pod).catch((error: unknown) => {
      if (!isConflict(error) && !isNotFound(error) && !isStopped) throw new Error(messageOf(error))
    })
  }
  const pods = createInformer<Pod>({
    client,
    kind: KINDS.pod,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    onChange: (changes) => changes.forEach(({ after }) => after && look(after)),
  })
  return {
    setReadiness(next) {
      isReady = next
      pods.list().forEach(look)
    },
    setExits(next) {
      exitOf = next
      pods.list().forEach(look)
    },
    setPaused(paused) {
      isPaused = paused
      pods.list().forEach(look)
    },
    podOf: (name) => pods.list().find((pod) => pod.metadata.name === name),
    stop() {
      isStopped = true
      pods.stop()
    },
  }
}

function endedWith(pod: Pod, exitCode: number): Pod {
  const finishedAt = formatSeconds(Date.now())
  const containerStatuses = pod.spec.containers.map(({ name, image = '' }) => ({
    name,
    image,
    imageID: '',
    ready: false,
    restartCount: 0,
    state: { terminated: { exitCode, finishedAt } },
  }))
  const phase = exitCode === 0 ? 'Succeeded' : 'Failed'
  return { ...pod, status: { ...pod.status, phase, conditions: [], containerStatuses } }
}

/** Waits until a check passes. @throws what the check threw last, after ten seconds */
export async function eventually<T>(check: () => Promise<T> | T): Promise<T> {
  const deadline = Date.now() + 10_000
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (Date.now() > deadline) throw error
      await systemClock.sleep(5)
    }
  }
}

export function deploymentOf(
  name: string,
  spec: Partial<Deployment['spec']> = {},
  image = 'app:1',
): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'app', image, ports: [{ name: 'http', containerPort: 8080 }] }] },
      },
      ...spec,
    },
  }
}

/** What is told of an object, in the order of telling. */
export async function eventsOf(client: KubeClient, kind: string, name: string): Promise<readonly Event[]> {
  const { items } = await client.list<Event>(KINDS.event, {
    namespace: 'default',
    fieldSelector: `involvedObject.kind=${kind},involvedObject.name=${name}`,
  })
  return items
}
