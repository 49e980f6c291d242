import { cpus, release, totalmem } from 'node:os'
import { readFileSync, statfsSync } from 'node:fs'
import { type Clock, type Logger, messageOf } from '../../base/index.ts'
import type { KubeObject, Lease, Node, NodeCondition } from '../../kube/index.ts'
import { isAlreadyExists, type KindRef, KINDS, type KubeClient } from '../../kube/client/index.ts'
import { nodeAddresses, type NodeNetwork } from './addresses.ts'

const KUBELET_VERSION = 'v1.35.2+lateen'
const RUNTIME_VERSION = 'lateen://0.1.0'
const PODS_MAX = 250
const LEASE_SECONDS = 40
const LEASE_RENEW_MS = 10_000
const STATUS_MS = 60_000
const RETRY_MS = 500
const LEASE_NAMESPACE = 'kube-node-lease'

export interface NodeObjectOptions {
  readonly client: KubeClient
  readonly clock: Clock
  readonly logger: Logger
  readonly nodeName: string
  readonly network: NodeNetwork
}

/** The machine's resources, as the scheduler and the downward API see them. */
export function machineCapacity(): Readonly<Record<string, string>> {
  return {
    cpu: String(cpus().length),
    memory: `${Math.floor(totalmem() / 1024)}Ki`,
    pods: String(PODS_MAX),
    'ephemeral-storage': `${diskKibibytes()}Ki`,
    'hugepages-1Gi': '0',
    'hugepages-2Mi': '0',
  }
}

function diskKibibytes(): number {
  const { blocks, bsize } = statfsSync('/')
  return Math.floor((blocks * bsize) / 1024)
}

/** Registers the node and keeps its status and its lease fresh. @returns how to stop */
export function keepNodeRegistered(options: NodeObjectOptions): { readonly stop: () => void } {
  const stopping = new AbortController()
  const repeat = async (what: string, everyMs: number, work: () => Promise<void>) => {
    while (!stopping.signal.aborted) {
      let waitMs = everyMs
      try {
        await work()
      } catch (error) {
        waitMs = RETRY_MS
        options.logger.debug(`${what} was not taken and is tried again`, { error: messageOf(error) })
      }
      await options.clock.sleep(waitMs, stopping.signal).catch(() => {})
    }
  }
  void repeat('the node', STATUS_MS, () => register(options))
  void repeat("the node's lease", LEASE_RENEW_MS, () => renewLease(options))
  return { stop: () => stopping.abort(new Error('the node agent ends')) }
}

async function register(options: NodeObjectOptions): Promise<void> {
  const node = nodeObject(options)
  await createIfMissing(options.client, KINDS.node, node)
  const current = await options.client.get<Node>(KINDS.node, options.nodeName)
  const conditions = nodeConditions(current?.status?.conditions ?? [], options.clock.now())
  const status = { ...node.status, conditions }
  await options.client.patch(
    KINDS.node,
    options.nodeName,
    undefined,
    { status },
    { type: 'merge', subresource: 'status' },
  )
}

function nodeObject({ nodeName, network }: NodeObjectOptions): Node {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch
  const labels = {
    'kubernetes.io/hostname': nodeName,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': arch,
    'beta.kubernetes.io/os': 'linux',
    'beta.kubernetes.io/arch': arch,
    'node-role.kubernetes.io/control-plane': 'true',
    'node.kubernetes.io/instance-type': 'lateen',
  }
  const capacity = machineCapacity()
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: nodeName, labels },
    spec: {
      podCIDR: network.podCidr,
      podCIDRs: [network.podCidr, ...(network.ipv6 === undefined ? [] : [network.ipv6.podCidr])],
      providerID: `lateen://${nodeName}`,
    },
    status: {
      capacity,
      allocatable: capacity,
      addresses: [
        ...nodeAddresses(network).map((address) => ({ type: 'InternalIP', address })),
        { type: 'Hostname', address: nodeName },
      ],
      nodeInfo: {
        machineID: machineFile('/etc/machine-id'),
        systemUUID: machineFile('/etc/machine-id'),
        bootID: machineFile('/proc/sys/kernel/random/boot_id'),
        kernelVersion: release(),
        osImage: osImage(),
        containerRuntimeVersion: RUNTIME_VERSION,
        kubeletVersion: KUBELET_VERSION,
        kubeProxyVersion: KUBELET_VERSION,
        operatingSystem: 'linux',
        architecture: arch,
      },
    },
  }
}

function nodeConditions(before: readonly NodeCondition[], nowMs: number): readonly NodeCondition[] {
  const now = seconds(nowMs)
  const condition = (
    type: string,
    status: 'True' | 'False',
    reason: string,
    message: string,
  ): NodeCondition => {
    const previous = before.find((one) => one.type === type)
    const lastTransitionTime = previous?.status === status ? (previous.lastTransitionTime ?? now) : now
    return { type, status, reason, message, lastHeartbeatTime: now, lastTransitionTime }
  }
  return [
    condition(
      'MemoryPressure',
      'False',
      'KubeletHasSufficientMemory',
      'kubelet has sufficient memory available',
    ),
    condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
  ]
}

async function renewLease({ client, clock, nodeName }: NodeObjectOptions): Promise<void> {
  const renewTime = `${new Date(clock.now()).toISOString().slice(0, -1)}000Z`
  const spec = { holderIdentity: nodeName, leaseDurationSeconds: LEASE_SECONDS, renewTime }
  const lease: Lease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: nodeName, namespace: LEASE_NAMESPACE },
    spec,
  }
  if (await createIfMissing(client, KINDS.lease, lease)) return
  await client.patch(KINDS.lease, nodeName, LEASE_NAMESPACE, { spec }, { type: 'merge' })
}

/** @returns whether it was created now */
async function createIfMissing(client: KubeClient, kind: KindRef, object: KubeObject): Promise<boolean> {
  const { name, namespace } = object.metadata
  if ((await client.get(kind, name, namespace)) !== undefined) return false
  try {
    await client.create(kind, object)
    return true
  } catch (error) {
    if (isAlreadyExists(error)) return false
    throw error
  }
}

function machineFile(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return '' // a machine without systemd has no machine-id
  }
}

function osImage(): string {
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(machineFile('/etc/os-release'))?.[1] ?? 'Linux'
}

function seconds(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}
