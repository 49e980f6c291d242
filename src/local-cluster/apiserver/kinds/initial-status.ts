/**
 * What a new object's status says before any controller has seen it: Kubernetes writes those of its fields that have
 * no way to be absent. By collection; kinds that are not here start without a status, or have a hook that writes it.
 */
export const INITIAL_STATUS: Readonly<Record<string, unknown>> = {
  'core/nodes': {
    daemonEndpoints: { kubeletEndpoint: { Port: 0 } },
    nodeInfo: {
      architecture: '',
      bootID: '',
      containerRuntimeVersion: '',
      kernelVersion: '',
      kubeProxyVersion: '',
      kubeletVersion: '',
      machineID: '',
      operatingSystem: '',
      osImage: '',
      systemUUID: '',
    },
  },
  'core/persistentvolumeclaims': { phase: 'Pending' },
  'core/persistentvolumes': { phase: 'Pending' },
  'core/replicationcontrollers': { replicas: 0 },
  'core/resourcequotas': {},
  'apps/daemonsets': {
    currentNumberScheduled: 0,
    desiredNumberScheduled: 0,
    numberMisscheduled: 0,
    numberReady: 0,
  },
  'apps/deployments': {},
  'apps/replicasets': { replicas: 0 },
  'apps/statefulsets': { availableReplicas: 0, replicas: 0 },
  'autoscaling/horizontalpodautoscalers': { currentMetrics: null, desiredReplicas: 0 },
  'batch/cronjobs': {},
  'batch/jobs': {},
  'networking.k8s.io/ingresses': { loadBalancer: {} },
  'policy/poddisruptionbudgets': {
    currentHealthy: 0,
    desiredHealthy: 0,
    disruptionsAllowed: 0,
    expectedPods: 0,
  },
}
