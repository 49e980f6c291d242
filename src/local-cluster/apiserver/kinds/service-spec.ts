import type { KubeObject } from '../../../kube/index.ts'
import { at, isObject, type JsonObject, stringAt, withAt, withMembers } from '../json.ts'

export function serviceTypeOf(object: KubeObject): string {
  return stringAt(object.spec, 'type') ?? 'ClusterIP'
}

/** Whether a Service has a port on every node. */
export function takesNodePorts(object: KubeObject): boolean {
  const type = serviceTypeOf(object)
  if (type === 'NodePort') return true
  return type === 'LoadBalancer' && at(object.spec, 'allocateLoadBalancerNodePorts') !== false
}

export function withSpec(object: KubeObject, changes: JsonObject): KubeObject {
  return withAt(object, ['spec'], withMembers(isObject(object.spec) ? object.spec : {}, changes))
}
