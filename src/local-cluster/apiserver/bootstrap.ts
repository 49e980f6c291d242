import { SYSTEM_PRIORITY_CLASSES } from './admission/default-classes.ts'
import { defaultRoles } from './auth/default-roles.ts'
import type { KubeObject } from '../../kube/index.ts'
import type { ServerContext } from './context.ts'
import { ensureObject, renewObject } from './ensure-object.ts'
import { type Advertised, kubernetesObjects } from './kubernetes-service.ts'

const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'] as const

/** Makes the objects that every cluster has, where they are missing, and renews the address of `kubernetes`. */
export async function bootstrap(context: ServerContext, advertised: Advertised): Promise<void> {
  await Promise.all(
    NAMESPACES.map((name) =>
      ensureObject(context, { collection: 'core/namespaces', namespace: '', object: namespace(name) }),
    ),
  )
  // A role that somebody changed stays as they want it.
  await Promise.all(defaultRoles().map((role) => ensureObject(context, role)))
  const collection = 'scheduling.k8s.io/priorityclasses'
  await Promise.all(
    SYSTEM_PRIORITY_CLASSES.map((object) => ensureObject(context, { collection, namespace: '', object })),
  )
  for (const each of kubernetesObjects(advertised)) {
    await ensureObject(context, each)
    await renewObject(context, each)
  }
}

function namespace(name: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { 'kubernetes.io/metadata.name': name } },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  }
}
