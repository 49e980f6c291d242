import { mkdirSync, readdirSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import { type Clock, type Logger, messageOf, type Random } from '../../base/index.ts'
import type { ConfigMap, KubeObject, Node, Pod, Secret, Service } from '../../kube/index.ts'
import {
  type Change,
  createInformer,
  type Informer,
  type KindRef,
  KINDS,
  type KubeClient,
} from '../../kube/client/index.ts'
import type { NodeApi } from '../apiserver/index.ts'
import type { NodeNetwork } from './addresses.ts'
import type { NodeContext } from './context.ts'
import { cpuOf } from './cpu.ts'
import { createEventRecorder } from './events.ts'
import { readJsonIfExists } from './files.ts'
import { createHostedClient } from './hosted/client.ts'
import { findProgram, type ImageEntry, listImageMappings } from './images.ts'
import { createIpPool } from './ip-pool.ts'
import { createLogApi } from './log-api.ts'
import { createRemoteApi } from './remote-api.ts'
import { createUsageApi } from './usage.ts'
import { keepNodeRegistered, machineCapacity } from './node-object.ts'
import { podPaths, podsDirectory } from './paths.ts'
import { userMachine } from './pod/security.ts'
import { createPodWorker, type PodWorker } from './pod/worker.ts'
import type { PodRecord } from './pod/worker-state.ts'
import { createCgroups } from './runtime/cgroups.ts'
import { createContainerRuntime } from './runtime/container-runtime.ts'
import { findRootMode } from './runtime/root-mode.ts'
import { createScheduler, type Scheduler } from './scheduling/scheduler.ts'
import { prepareShellDirectory } from './shell-directory.ts'
import { createTokenCache } from './volume/tokens.ts'

export interface NodeAgentOptions {
  readonly client: KubeClient
  readonly stateDir: string
  readonly clusterId: string
  readonly nodeName: string
  readonly network: NodeNetwork
  /** Images that every cluster knows; the user's table comes on top. */
  readonly images: readonly ImageEntry[]
  readonly imagesFile: string
  readonly nodeProxySocket: string
  /** Host paths that containers must see, such as the project's own directory. */
  readonly visiblePaths: readonly string[]
  /** Where control groups of version 2 are; found by itself when absent. */
  readonly cgroupRoot?: string
  /** Environment of every container, PATH above all. */
  readonly containerEnv: Readonly<Record<string, string>>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface NodeAgent {
  readonly nodeApi: NodeApi
  /** Cumulative CPU of the pod's running containers. @returns undefined for a pod that is not here */
  readonly podCpu: (podUid: string) => { readonly atMs: number; readonly cpuMs: number } | undefined
  /** Stops looking after the pods; their processes go on, and the next node agent adopts them. */
  readonly stop: () => Promise<void>
}

/** Logs grow this long before their size is noted; the times of lines are as exact as that. */
const LOG_INDEX_MS = 250

/**
 * Starts the node: kubelet, container runtime and scheduler of the one machine. The bridge must be there.
 * Resolves once every pod of a node agent before is adopted or removed.
 */
export async function createNodeAgent(options: NodeAgentOptions): Promise<NodeAgent> {
  const workers = new Map<string, PodWorker>()
  const informers = startInformers(options, workers)
  const context = await createContext(options, informers)
  const scheduler = createScheduler({
    ...context,
    node: () => options.client.get<Node>(KINDS.node, options.nodeName),
    // Instances in the node proxy share one process, whatever they ask for.
    counts: ({ image = '' }) => findProgram(context.images(), image)?.kind !== 'hosted',
  })
  const workerOf = (uid: string) => {
    const worker = workers.get(uid) ?? createPodWorker({ context, uid, onGone: () => workers.delete(uid) })
    workers.set(uid, worker)
    return worker
  }
  const recorded = recordedPods(options, context)
  await informers.follow((changes) => {
    for (const change of changes) onPodChange(change, { options, scheduler, workers, workerOf })
  })
  for (const uid of recorded) if (!workers.has(uid)) workerOf(uid).update(undefined)
  context.hosted.connect()
  const node = keepNodeRegistered(context)
  const stopImages = watchImages(options, () => pokeAll(workers, 'images'))
  const usage = createUsageApi({ workers, context })
  const logs = createLogApi({ workers, clock: options.clock, indexMs: LOG_INDEX_MS })
  return {
    nodeApi: { ...logs.api, ...createRemoteApi({ workers, context }), ...usage.api },
    podCpu(podUid) {
      const worker = workers.get(podUid)
      if (worker === undefined) return undefined
      return { atMs: options.clock.now(), cpuMs: cpuOf(worker.slots(), context.hosted) }
    },
    async stop() {
      stopImages()
      node.stop()
      informers.stop()
      logs.stop()
      usage.stop()
      for (const worker of workers.values()) worker.close()
      context.hosted.close()
    },
  }
}

async function createContext(options: NodeAgentOptions, informers: NodeInformers): Promise<NodeContext> {
  const { client, clock, random, stateDir } = options
  const logger = options.logger.scope('node')
  mkdirSync(podsDirectory(stateDir), { recursive: true, mode: 0o700 })
  const hosted = createHostedClient({ socketPath: options.nodeProxySocket, clock, random, logger })
  const shell = prepareShellDirectory(stateDir)
  const rootMode = await findRootMode(stateDir)
  if (rootMode === 'shared') {
    logger.warn("overlayfs does not work here: containers see and change the machine's own files")
  }
  return {
    client,
    clock,
    random,
    logger,
    hosted,
    stateDir,
    rootMode,
    userMachine: userMachine(rootMode),
    clusterId: options.clusterId,
    nodeName: options.nodeName,
    network: options.network,
    runtime: createContainerRuntime({
      clock,
      logger,
      hosted,
      cgroups: createCgroups({
        clusterId: options.clusterId,
        logger,
        ...(options.cgroupRoot === undefined ? {} : { root: options.cgroupRoot }),
      }),
    }),
    tokens: createTokenCache({ client, clock }),
    ipPool: createIpPool(options.network.podCidr),
    events: createEventRecorder({ client, clock, logger, nodeName: options.nodeName }),
    visiblePaths: [...options.visiblePaths, shell],
    containerEnv: {
      ...options.containerEnv,
      PATH: `${options.containerEnv['PATH'] ?? '/usr/bin:/bin'}:${shell}`,
    },
    allocatable: machineCapacity(),
    images: () => [...options.images, ...userImages(options)],
    lookups: informers.lookups,
  }
}

/** A table that somebody broke by hand must not stop the pods of the built-in images. */
function userImages(options: NodeAgentOptions): readonly ImageEntry[] {
  try {
    return listImageMappings(options.imagesFile)
  } catch (error) {
    options.logger.error(messageOf(error))
    return []
  }
}

interface NodeInformers {
  readonly lookups: NodeContext['lookups']
  /** Tells of every pod, those that are known already first; resolves when it has told of those. */
  readonly follow: (handler: (changes: readonly Change<Pod>[]) => void) => Promise<void>
  readonly stop: () => void
}

function startInformers(options: NodeAgentOptions, workers: ReadonlyMap<string, PodWorker>): NodeInformers {
  const { client, clock, random, logger } = options
  const start = <T extends KubeObject>(
    kind: KindRef,
    onChange: (changes: readonly Change<T>[]) => void,
  ): Informer<T> => createInformer<T>({ client, clock, random, logger, kind, onChange })
  // Whatever a waiting pod waits for may have come.
  const poke = () => pokeAll(workers, 'configuration')
  let onPods: ((changes: readonly Change<Pod>[]) => void) | undefined
  const configMaps = start<ConfigMap>(KINDS.configMap, poke)
  const secrets = start<Secret>(KINDS.secret, poke)
  const services = start<Service>(KINDS.service, () => {})
  const pods = start<Pod>(KINDS.pod, (changes) => onPods?.(changes))
  const all = [configMaps, secrets, services, pods]
  return {
    lookups: {
      configMap: (namespace, name) => configMaps.get(name, namespace),
      secret: (namespace, name) => secrets.get(name, namespace),
      services: () => services.list(),
      pod: (namespace, name) => pods.get(name, namespace),
    },
    async follow(handler) {
      // A pod must not start before its ConfigMaps could be known.
      await Promise.all(all.map(({ synced }) => synced))
      handler(pods.list().map((after) => ({ key: '', after })))
      onPods = handler
    },
    stop() {
      for (const informer of all) informer.stop()
    },
  }
}

function pokeAll(workers: ReadonlyMap<string, PodWorker>, changed: 'configuration' | 'images'): void {
  for (const worker of workers.values()) worker.poke(changed)
}

function onPodChange(
  { before, after }: Change<Pod>,
  node: {
    readonly options: NodeAgentOptions
    readonly scheduler: Scheduler
    readonly workers: ReadonlyMap<string, PodWorker>
    readonly workerOf: (uid: string) => PodWorker
  },
): void {
  const gone = before?.metadata.uid
  // A pod of the same name that was made anew while nobody looked is another pod.
  if (gone !== undefined && gone !== after?.metadata.uid) {
    node.scheduler.forget(gone)
    node.workers.get(gone)?.update(undefined)
  }
  if (after === undefined) return
  node.scheduler.consider(after)
  if (after.spec.nodeName === node.options.nodeName) node.workerOf(after.metadata.uid ?? '').update(after)
}

/** Pods that a node agent before has left on disk. Their addresses are taken at once. */
function recordedPods(options: NodeAgentOptions, context: NodeContext): readonly string[] {
  const uids = readdirSync(podsDirectory(options.stateDir))
  for (const uid of uids) {
    const paths = podPaths({ stateDir: options.stateDir, clusterId: options.clusterId, uid })
    const record = readJsonIfExists(paths.record) as PodRecord | undefined
    if (record !== undefined && record.isReleased !== true) context.ipPool.reserve(record.ip)
  }
  return uids
}

/** The table is written by another process: `lateen image map`. */
function watchImages(options: NodeAgentOptions, onChange: () => void): () => void {
  const file = options.imagesFile.slice(dirname(options.imagesFile).length + 1)
  mkdirSync(dirname(options.imagesFile), { recursive: true })
  const watcher = watch(dirname(options.imagesFile), { persistent: false }, (_event, name) => {
    if (name === file) onChange()
  })
  watcher.on('error', (error) => {
    options.logger.warn('the image table is not watched any more', { error: error.message })
  })
  return () => watcher.close()
}
