import { type Clock, type Collection, createWorkQueue, type Logger, type Random } from '../../base/index.ts'
import type { KubeObject } from '../../kube/index.ts'
import { KINDS, type KubeClient } from '../../kube/client/index.ts'
import type { ProxySettings } from '../injection/index.ts'
import { kindOf } from '../kinds.ts'
import { CONTROLLER_NAME, GATEWAY_NAME_LABEL, type GatewayDeployment } from '../translate/index.ts'
import { gatewayObjects } from './objects.ts'

export interface DeploymentControllerOptions {
  readonly client: KubeClient
  readonly wanted: Collection<GatewayDeployment>
  readonly settings: () => ProxySettings
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface DeploymentController {
  /** Takes up all managed Gateways; what changes from now on follows. Only the leader does it. */
  readonly start: () => void
  /** Something that was deployed for this Gateway changed: it is put right when it no longer agrees. */
  readonly look: (gatewayKey: string) => void
  readonly stop: () => Promise<void>
}

const DEPLOYED_KINDS = [KINDS.deployment, KINDS.service, KINDS.serviceAccount]

/**
 * Deploys managed Gateways. The API server's own apply decides what a change is, so applying what is there already
 * costs a request and nothing more; a Gateway that stays but is no longer managed loses what was deployed for it (one
 * that goes takes it along by its ownerReferences).
 */
export function createDeploymentController(options: DeploymentControllerOptions): DeploymentController {
  const { client, wanted, logger } = options
  const removed = new Map<string, GatewayDeployment>()
  let unsubscribe = (): void => {}

  const reconcile = async (key: string): Promise<undefined> => {
    const deployment = wanted.get(key)
    // What is left over from another name stays too, until it can be replaced.
    if (deployment?.isHeld === true) return undefined
    if (deployment) {
      for (const object of gatewayObjects(deployment, options.settings())) await apply(client, object)
    }
    const old = removed.get(key)
    if (old && (!deployment || old.name !== deployment.name)) await removeDeployed(client, old)
    removed.delete(key)
    if (deployment) logger.debug('gateway deployed', { gateway: key, deployment: deployment.name })
    return undefined
  }

  const queue = createWorkQueue({
    name: 'gateway deployments',
    concurrency: 4,
    retryBaseMs: 50,
    retryMaxMs: 10_000,
    clock: options.clock,
    random: options.random,
    logger,
    reconcile,
  })

  return {
    start() {
      unsubscribe = wanted.subscribe((changes) => {
        for (const { key, before, after } of changes) {
          if (before && before.name !== after?.name) removed.set(key, before)
          queue.add(key)
        }
      })
      for (const { key } of wanted.list()) queue.add(key)
    },
    look(gatewayKey) {
      if (wanted.get(gatewayKey)) queue.add(gatewayKey)
    },
    async stop() {
      unsubscribe()
      await queue.stop()
    },
  }
}

async function apply(client: KubeClient, object: KubeObject): Promise<void> {
  const { name, namespace } = object.metadata
  await client.patch(kindOf(object), name, namespace, object, {
    type: 'apply',
    fieldManager: CONTROLLER_NAME,
    force: true,
  })
}

/** Deletes only what carries the Gateway's own label: a name may have been taken over by somebody else. */
async function removeDeployed(client: KubeClient, old: GatewayDeployment): Promise<void> {
  for (const kind of DEPLOYED_KINDS) {
    const name = kind === KINDS.serviceAccount ? old.serviceAccount : old.name
    const present = await client.get(kind, name, old.namespace)
    if (present?.metadata.labels?.[GATEWAY_NAME_LABEL] !== old.gateway.metadata.name) continue
    await client.delete(kind, name, old.namespace)
  }
}
