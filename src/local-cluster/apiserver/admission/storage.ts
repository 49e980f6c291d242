import type { KubeObject } from '../../../kube/index.ts'
import type { Store } from '../../store/index.ts'
import { at, withAt, withMeta } from '../json.ts'
import type { MutationRequest } from './types.ts'

const CLASSES = 'storage.k8s.io/storageclasses'
const OLD_CLASS = 'volume.beta.kubernetes.io/storage-class'
const IS_DEFAULT = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
]
/** Held until nothing uses the object any more. */
const PROTECTED_BY: Readonly<Record<string, string>> = {
  'core/persistentvolumeclaims': 'kubernetes.io/pvc-protection',
  'core/persistentvolumes': 'kubernetes.io/pv-protection',
}

/** New claims get the default class where they name none; claims and volumes stay as long as they are in use. */
export function applyStorage(store: Store, { asked, operation, object }: MutationRequest): KubeObject {
  const protection = PROTECTED_BY[asked.resource.collection]
  if (operation !== 'CREATE' || asked.path.subresource !== '' || protection === undefined) return object
  const classed = asked.resource.info.plural === 'persistentvolumeclaims' ? withClass(store, object) : object
  const finalizers = classed.metadata.finalizers ?? []
  return finalizers.includes(protection)
    ? classed
    : withMeta(classed, { finalizers: [...finalizers, protection] })
}

function withClass(store: Store, claim: KubeObject): KubeObject {
  const isNamed = at(claim.spec, 'storageClassName') !== undefined
  if (isNamed || claim.metadata.annotations?.[OLD_CLASS] !== undefined) return claim
  const name = defaultClass(store)
  return name === undefined ? claim : withAt(claim, ['spec', 'storageClassName'], name)
}

/** The youngest of the classes that say that they are the default. */
function defaultClass(store: Store): string | undefined {
  const listed = store.list({ collection: CLASSES })
  const classes = (listed.kind === 'listed' ? listed.objects : []).map(({ object }) => object.metadata)
  const [first] = classes
    .filter(({ annotations = {} }) => IS_DEFAULT.some((name) => annotations[name] === 'true'))
    .sort((a, b) => (b.creationTimestamp ?? '').localeCompare(a.creationTimestamp ?? ''))
  return first?.name
}
