import type { Clock, Logger, Random } from '../../base/index.ts'
import type { ConfigMap, Pod, Secret, Service } from '../../kube/index.ts'
import type { KubeClient } from '../../kube/client/index.ts'
import type { NodeNetwork } from './addresses.ts'
import type { EventRecorder } from './events.ts'
import type { HostedClient } from './hosted/client.ts'
import type { ImageEntry } from './images.ts'
import type { IpPool } from './ip-pool.ts'
import type { ContainerRuntime } from './runtime/container-runtime.ts'
import type { UserMachine } from './pod/security.ts'
import type { RootMode } from './runtime/root-filesystem.ts'
import type { TokenCache } from './volume/tokens.ts'

/** What the worker of a pod is given. */
export interface NodeContext {
  readonly client: KubeClient
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly events: EventRecorder
  readonly runtime: ContainerRuntime
  readonly hosted: HostedClient
  readonly tokens: TokenCache
  readonly ipPool: IpPool
  readonly stateDir: string
  readonly clusterId: string
  readonly nodeName: string
  readonly network: NodeNetwork
  readonly rootMode: RootMode
  readonly userMachine: UserMachine
  readonly visiblePaths: readonly string[]
  /** PATH and the like, which image and pod override. */
  readonly containerEnv: Readonly<Record<string, string>>
  readonly allocatable: Readonly<Record<string, string>>
  /** Built-in entries, then the user's. */
  readonly images: () => readonly ImageEntry[]
  readonly lookups: Lookups
}

/** The node's copies of what pods refer to. */
export interface Lookups {
  readonly configMap: (namespace: string, name: string) => ConfigMap | undefined
  readonly secret: (namespace: string, name: string) => Secret | undefined
  readonly services: () => readonly Service[]
  readonly pod: (namespace: string, name: string) => Pod | undefined
}
