/**
 * local-cluster/controllers: loops that make the world follow the objects. Each looks at levels, not at events, works
 * on one key at a time, and speaks to the API server as any other client does.
 */
import type { Ipv4Cidr, Ipv6Cidr } from '../../base/index.ts'
import type { KubeClient } from '../../kube/client/index.ts'
import { createApiResources } from './api-resources.ts'
import { createAutoscaler } from './autoscaler.ts'
import { createCronJobController } from './cronjob.ts'
import { createDaemonSetController } from './daemonset.ts'
import { createDeploymentController } from './deployment.ts'
import { createDisruptionController } from './disruption.ts'
import { createEndpointSliceController } from './endpointslice.ts'
import { createEndpointsMirror } from './endpoints-mirror.ts'
import { createEndpointsController } from './endpoints.ts'
import { createEventExpiry } from './event-expiry.ts'
import { createEventRecorder } from './events.ts'
import { createGarbageCollector } from './garbage-collector.ts'
import { createJobController } from './job.ts'
import { createLoadBalancerController } from './load-balancer.ts'
import { createNamespaceController } from './namespace.ts'
import { createPolicyStatusController } from './policy-status.ts'
import { createReplicaSetController } from './replicaset.ts'
import { createResourceQuotaController } from './resource-quota.ts'
import { createStatefulSetController } from './statefulset.ts'
import { type ControllerContext, createSharedInformers } from './shared-informers.ts'
import { createTaintEviction } from './taint-eviction.ts'
import { createVolumeClaimController } from './volume-claims.ts'
import { createVolumeDirectories } from './volume-directories.ts'
import { createEphemeralClaims } from './volume-ephemeral.ts'
import { createClaimProtection, createVolumeController } from './volumes.ts'

export interface ControllersOptions extends Omit<ControllerContext, 'informers' | 'events'> {
  readonly client: KubeClient
  /** Addresses for Services of type LoadBalancer. */
  readonly loadBalancerPool: Ipv4Cidr
  /** Where the machine has IPv6. */
  readonly loadBalancerPoolIpv6?: Ipv6Cidr | undefined
  /** PEM of the cluster's certificate authority, put into every namespace. */
  readonly rootCertificate: string
  /** Where the volumes of the class `standard` are kept. */
  readonly volumesDirectory: string
  /** The pause of a Job after a first failure; ten seconds unless tests are in a hurry. */
  readonly jobBackoffMs?: number
}

/** Starts every controller. @returns how to stop them, work under way included */
export function startControllers(options: ControllersOptions): { readonly stop: () => Promise<void> } {
  const informers = createSharedInformers(options)
  const events = createEventRecorder({ ...options, logger: options.logger.scope('events') })
  const context = { ...options, informers, events }
  const resources = createApiResources(options.client)
  const directories = createVolumeDirectories(options.volumesDirectory)
  const controllers = [
    createNamespaceController({ ...context, resources }),
    createDeploymentController(context),
    createReplicaSetController(context),
    createStatefulSetController(context),
    createDaemonSetController(context),
    createJobController(context),
    createCronJobController(context),
    createEndpointSliceController(context),
    createEndpointsController(context),
    createEndpointsMirror(context),
    createLoadBalancerController({
      ...context,
      pools: { IPv4: options.loadBalancerPool, IPv6: options.loadBalancerPoolIpv6 },
    }),
    createGarbageCollector({ ...context, resources }),
    createAutoscaler({ ...context, resources }),
    createDisruptionController({ ...context, resources }),
    createResourceQuotaController({ ...context, resources }),
    createPolicyStatusController(context),
    createVolumeClaimController({ ...context, directories }),
    createVolumeController({ ...context, directories }),
    createClaimProtection(context),
    createEphemeralClaims(context),
    createEventExpiry(context),
    createTaintEviction(context),
  ]
  return {
    async stop() {
      await Promise.all(controllers.map((controller) => controller.stop()))
      await events.stop()
      informers.stop()
    },
  }
}
