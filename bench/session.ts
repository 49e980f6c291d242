import { readFileSync } from 'node:fs'
import {
  createKubeClient,
  httpsTransport,
  type KubeClient,
  parseKubeconfig,
} from '../src/kube/client/index.ts'
import { startCluster, type TestCluster } from '../test/support/cluster.ts'
import { installDemo } from '../test/support/demo.ts'
import { waitFor } from '../test/support/wait.ts'
import type { Figure } from './figures.ts'

/** A cluster with the mesh and the demo application on it. */
export interface DemoCluster {
  readonly cluster: TestCluster
  readonly client: KubeClient
  /** the address of the demo's Gateway */
  readonly gateway: string
}

/** What the command line says about the comparison with other proxies. */
export interface PeerOptions {
  /** None: all. */
  readonly scenarios: readonly string[]
  readonly rounds: number
  readonly seconds: number
  /** Whether docs/performance.md is written. */
  readonly write: boolean
}

export interface Session {
  readonly print: (line: string) => void
  readonly peers: PeerOptions
  /** Brought up by the first measurement that asks for it. */
  readonly demo: () => Promise<DemoCluster>
  /** aborted when the user has had enough */
  readonly signal: AbortSignal
}

export type Measurement = (session: Session) => Promise<readonly Figure[]>

/** The caller calls `stop`, whatever came of the measurements. */
export function createSession(options: {
  readonly print: (line: string) => void
  readonly peers: PeerOptions
  readonly signal: AbortSignal
}): Session & { readonly stop: () => Promise<void> } {
  let starting: Promise<TestCluster> | undefined
  let ready: Promise<DemoCluster> | undefined
  const prepare = async (): Promise<DemoCluster> => {
    options.print('• bringing up a cluster with the demo …')
    starting = startCluster()
    const cluster = await starting
    const gateway = await installDemo(cluster)
    const client = connectTo(cluster.kubeconfig)
    await waitFor('the gateway to take connections', () => fetch(`http://${gateway}/`).then(() => true))
    return { cluster, client, gateway }
  }
  return {
    ...options,
    demo: () => (ready ??= prepare()),
    async stop() {
      const cluster = await starting?.catch(() => undefined)
      await cluster?.stop()
    },
  }
}

function connectTo(kubeconfig: string): KubeClient {
  const config = parseKubeconfig(readFileSync(kubeconfig, 'utf8'))
  if (!config.ok) throw new Error(`${kubeconfig}: ${config.error.map((one) => one.message).join(', ')}`)
  return createKubeClient(httpsTransport(config.value))
}
