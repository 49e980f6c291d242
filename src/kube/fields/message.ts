import * as cluster from './cluster.ts'
import { CORE_V1 } from './core.ts'
import * as extension from './extension.ts'
import { type MessageType, parseFieldTable } from './parse.ts'
import * as workload from './workload.ts'
import type { GroupVersionKind } from '../object.ts'

/** The field table of each group and version that is built in. */
const TABLES: Readonly<Record<string, string>> = {
  v1: CORE_V1,
  'meta/v1': cluster.META_V1,
  'coordination.k8s.io/v1': cluster.COORDINATION_V1,
  'discovery.k8s.io/v1': cluster.DISCOVERY_V1,
  'events.k8s.io/v1': cluster.EVENTS_V1,
  'networking.k8s.io/v1': cluster.NETWORKING_V1,
  'node.k8s.io/v1': cluster.NODE_V1,
  'scheduling.k8s.io/v1': cluster.SCHEDULING_V1,
  'storage.k8s.io/v1': cluster.STORAGE_V1,
  'admissionregistration.k8s.io/v1': extension.ADMISSIONREGISTRATION_V1,
  'apiextensions.k8s.io/v1': extension.APIEXTENSIONS_V1,
  'authentication.k8s.io/v1': extension.AUTHENTICATION_V1,
  'authorization.k8s.io/v1': extension.AUTHORIZATION_V1,
  'rbac.authorization.k8s.io/v1': extension.RBAC_V1,
  'apps/v1': workload.APPS_V1,
  'batch/v1': workload.BATCH_V1,
  'autoscaling/v1': workload.AUTOSCALING_V1,
  'autoscaling/v2': workload.AUTOSCALING_V2,
  'policy/v1': workload.POLICY_V1,
}

/** Kinds of meta/v1 that a request may carry under the group and version of the resource it is about. */
const META_KINDS: ReadonlySet<string> = new Set([
  'CreateOptions',
  'DeleteOptions',
  'PatchOptions',
  'UpdateOptions',
  'Status',
])

interface MessageTypes {
  /** @param name package and name, `core/v1.Pod` */
  get(name: string): MessageType | undefined
  ofKind(gvk: GroupVersionKind): MessageType | undefined
}

/** `core/v1` for v1, `rbac/v1` for rbac.authorization.k8s.io/v1: the package that field tables and OpenAPI names use. */
function packageOf(groupVersion: string): string {
  const [group = '', version] = groupVersion.split('/')
  return version === undefined ? `core/${group}` : `${group.split('.')[0] ?? group}/${version}`
}

/** Reads the tables on first use of each: a program that meets only pods reads only core. */
function createMessageTypes(): MessageTypes {
  const byPackage = new Map(
    Object.keys(TABLES).map((groupVersion) => [packageOf(groupVersion), groupVersion]),
  )
  const parsed = new Map<string, ReadonlyMap<string, MessageType>>()
  const get = (name: string): MessageType | undefined => {
    const packageName = name.slice(0, name.lastIndexOf('.'))
    let table = parsed.get(packageName)
    if (!table) {
      const groupVersion = byPackage.get(packageName)
      table =
        groupVersion === undefined ? new Map() : parseFieldTable(packageName, TABLES[groupVersion] ?? '')
      parsed.set(packageName, table)
    }
    return table.get(name)
  }
  return {
    get,
    ofKind: ({ group, version, kind }) => {
      const groupVersion = group === '' ? version : `${group}/${version}`
      if (META_KINDS.has(kind)) return get(`meta/v1.${kind}`)
      return Object.hasOwn(TABLES, groupVersion) ? get(`${packageOf(groupVersion)}.${kind}`) : undefined
    },
  }
}

/** The tables are constant, so one lazily read copy serves everyone. */
export const messageTypes: MessageTypes = createMessageTypes()
