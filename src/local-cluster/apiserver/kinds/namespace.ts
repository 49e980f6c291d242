import { forbidden } from '../status-error.ts'
import { at, withAt, withMeta, withMembers } from '../json.ts'
import type { KindHooks } from './hook-types.ts'

/** Namespaces that the cluster cannot be without. */
const PERMANENT: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public', 'kube-node-lease'])

export const NAMESPACE_HOOKS: Partial<KindHooks> = {
  prepareCreate: (object) =>
    withMembers(
      withMeta(withAt(object, ['spec', 'finalizers'], ['kubernetes']), { labels: namedLabels(object) }),
      { status: { phase: 'Active' } },
    ),
  // The subresource `finalize` alone changes the finalizers of the spec, and it does not come this way.
  prepareUpdate: (object, current) =>
    withMeta(withAt(object, ['spec', 'finalizers'], at(current.spec, 'finalizers')), {
      labels: namedLabels(object),
    }),
  // Nothing in a namespace has a grace period of the namespace's own.
  onMarkedDeleted: (object) =>
    withMeta(withAt(object, ['status', 'phase'], 'Terminating'), { deletionGracePeriodSeconds: undefined }),
  checkDelete: ({ metadata: { name } }) => {
    if (PERMANENT.has(name)) {
      throw forbidden({ group: '', plural: 'namespaces' }, name, 'this namespace may not be deleted')
    }
  },
}

function namedLabels(object: { metadata: { name: string; labels?: Readonly<Record<string, string>> } }) {
  return { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name }
}
