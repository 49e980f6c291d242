import type { KubeObject } from '../../../kube/index.ts'
import type { Store } from '../../store/index.ts'
import { at, isObject, listAt, stringAt, withAt, withMembers } from '../json.ts'
import { forbidden, notFound } from '../status-error.ts'
import type { AdmissionRequest, MutationRequest } from './types.ts'

const NAMESPACES = { group: '', plural: 'namespaces' }

/** Objects are only made in namespaces that exist and are not being deleted. */
export function checkNamespace(store: Store, { asked, operation, object }: AdmissionRequest): void {
  const { namespace } = asked.path
  if (operation !== 'CREATE' || !asked.resource.info.namespaced || namespace === '') return
  const found = store.get({ collection: 'core/namespaces', namespace: '', name: namespace })
  if (!found) throw notFound(NAMESPACES, namespace)
  if (found.object.metadata.deletionTimestamp === undefined) return
  // Events tell how the deletion goes on.
  if (asked.resource.collection === 'core/events') return
  const message = `namespace ${namespace} is being terminated`
  const causes = [{ reason: 'NamespaceTerminating', message, field: 'metadata.namespace' }]
  const detail = `unable to create new content in namespace ${namespace} because it is being terminated`
  throw forbidden(asked.resource.info, asked.path.name || (object?.metadata.name ?? ''), detail, causes)
}

const TOKEN_MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount'
const TOKEN_VOLUME_PREFIX = 'kube-api-access-'
/** One hour and seven seconds: Kubernetes' way of recognising tokens that it injected. */
const TOKEN_SECONDS = 3607

/** Gives a new pod its ServiceAccount and, unless it does not want it, the account's token. */
export function applyServiceAccount(
  store: Store,
  request: MutationRequest,
  suffix: () => string,
): KubeObject {
  const { asked, operation, object } = request
  if (operation !== 'CREATE' || asked.resource.collection !== 'core/pods' || asked.path.subresource !== '') {
    return object
  }
  if (object.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined) return object
  const name =
    stringAt(object.spec, 'serviceAccountName') || stringAt(object.spec, 'serviceAccount') || 'default'
  const { namespace } = asked.path
  const account = store.get({ collection: 'core/serviceaccounts', namespace, name })?.object
  if (!account) {
    const label = object.metadata.name || object.metadata.generateName || ''
    const detail = `error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`
    throw forbidden(asked.resource.info, label, detail)
  }
  const named = withSpec(object, { serviceAccountName: name, serviceAccount: name })
  const withSecrets =
    listAt(named.spec, 'imagePullSecrets').length === 0 && listAt(account, 'imagePullSecrets').length > 0
      ? withSpec(named, { imagePullSecrets: at(account, 'imagePullSecrets') })
      : named
  const wantsToken =
    (at(object.spec, 'automountServiceAccountToken') ??
      at(account, 'automountServiceAccountToken') ??
      true) === true
  return wantsToken ? mountToken(withSecrets, suffix) : withSecrets
}

function mountToken(pod: KubeObject, suffix: () => string): KubeObject {
  const volumes = listAt(pod.spec, 'volumes')
  const present = volumes.find((volume) => (stringAt(volume, 'name') ?? '').startsWith(TOKEN_VOLUME_PREFIX))
  const volumeName = stringAt(present, 'name') ?? `${TOKEN_VOLUME_PREFIX}${suffix()}`
  const mount = (container: unknown): unknown => {
    const mounts = listAt(container, 'volumeMounts')
    if (!isObject(container) || mounts.some((each) => stringAt(each, 'mountPath') === TOKEN_MOUNT_PATH))
      return container
    const added = { name: volumeName, readOnly: true, mountPath: TOKEN_MOUNT_PATH }
    return { ...container, volumeMounts: [...mounts, added] }
  }
  const before = [...listAt(pod.spec, 'containers'), ...listAt(pod.spec, 'initContainers')]
  const containers = listAt(pod.spec, 'containers').map(mount)
  const initContainers = listAt(pod.spec, 'initContainers').map(mount)
  const isUnused = [...containers, ...initContainers].every((container, index) => container === before[index])
  if (isUnused) return pod
  return withSpec(pod, {
    containers,
    ...(initContainers.length === 0 ? {} : { initContainers }),
    ...(present ? {} : { volumes: [...volumes, tokenVolume(volumeName)] }),
  })
}

function tokenVolume(name: string) {
  return {
    name,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    },
  }
}

const NOT_READY = 'node.kubernetes.io/not-ready'
const UNREACHABLE = 'node.kubernetes.io/unreachable'

/** Every pod tolerates a node that is away for five minutes; an update that takes that away does not get its way. */
export function applyTolerations({ asked, object }: MutationRequest): KubeObject {
  if (asked.resource.collection !== 'core/pods' || asked.path.subresource !== '') return object
  const tolerations = listAt(object.spec, 'tolerations')
  const added = [NOT_READY, UNREACHABLE]
    .filter((key) => !tolerations.some((each) => tolerates(each, key)))
    .map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }))
  return added.length === 0 ? object : withSpec(object, { tolerations: [...tolerations, ...added] })
}

function tolerates(toleration: unknown, key: string): boolean {
  const effect = stringAt(toleration, 'effect') ?? ''
  const ofKey = stringAt(toleration, 'key') ?? ''
  return (ofKey === key || ofKey === '') && (effect === 'NoExecute' || effect === '')
}

function withSpec(object: KubeObject, changes: Readonly<Record<string, unknown>>): KubeObject {
  return withAt(object, ['spec'], withMembers(isObject(object.spec) ? object.spec : {}, changes))
}
