import { type KubeObject, matchesLabels, parseApiVersion } from '../../../kube/index.ts'
import type { Store } from '../../store/index.ts'
import { at, isObject, stringAt } from '../json.ts'
import { inVersion } from '../resource-request.ts'
import type { Resources, ServedResource } from '../resources.ts'
import type { AdmissionRequest } from './types.ts'

/** The objects that a binding parameterizes its policy with. */
export type Params =
  /** a single nothing where the policy has no parameters */
  | { readonly kind: 'found'; readonly values: readonly unknown[] }
  | { readonly kind: 'error'; readonly of: 'policy' | 'binding'; readonly message: string }

/** @see Kubernetes ValidatingAdmissionPolicyBinding, paramRef */
export function paramsOf(
  { store, resources }: { readonly store: Store; readonly resources: Resources },
  { policy, binding }: { readonly policy: KubeObject; readonly binding: KubeObject },
  { asked }: AdmissionRequest,
): Params {
  const paramKind = at(policy.spec, 'paramKind')
  const paramRef = at(binding.spec, 'paramRef')
  if (!isObject(paramKind)) return { kind: 'found', values: [undefined] }
  const { group, version } = parseApiVersion(stringAt(paramKind, 'apiVersion') ?? '')
  const kind = stringAt(paramKind, 'kind') ?? ''
  const resource = resources.findKind({ group, version, kind })
  if (!resource) {
    const message = `failed to find resource referenced by paramKind: '${group}/${version}, Kind=${kind}'`
    return { kind: 'error', of: 'policy', message }
  }
  if (!isObject(paramRef)) return { kind: 'found', values: [undefined] }
  const place = placeOf(resource, stringAt(paramRef, 'namespace') ?? '', asked.path.namespace)
  if (place.kind === 'error') return { kind: 'error', of: 'binding', message: place.message }
  const listed = store.list({ collection: resource.collection, ...place.where })
  const all = listed.kind === 'listed' ? listed.objects : []
  const isMeant = chosenBy(paramRef)
  const values = all.flatMap(({ object }) => (isMeant(object) ? [inVersion(object, resource)] : []))
  if (values.length > 0 || stringAt(paramRef, 'parameterNotFoundAction') !== 'Deny') {
    return { kind: 'found', values }
  }
  const message = 'no params found for policy binding with `Deny` parameterNotFoundAction'
  return { kind: 'error', of: 'binding', message }
}

type Place =
  | { readonly kind: 'place'; readonly where: { readonly namespace?: string } }
  | { readonly kind: 'error'; readonly message: string }

function placeOf({ info }: ServedResource, named: string, ofRequest: string): Place {
  if (!info.namespaced && named !== '') {
    return {
      kind: 'error',
      message: 'paramRef.namespace must not be provided for a cluster-scoped `paramKind`',
    }
  }
  if (!info.namespaced) return { kind: 'place', where: {} }
  const namespace = named === '' ? ofRequest : named
  if (namespace !== '') return { kind: 'place', where: { namespace } }
  const message = 'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources'
  return { kind: 'error', message }
}

function chosenBy(paramRef: unknown): (object: KubeObject) => boolean {
  const name = stringAt(paramRef, 'name') ?? ''
  if (name !== '') return (object) => object.metadata.name === name
  const selector = at(paramRef, 'selector')
  return (object) => isObject(selector) && matchesLabels(selector, object.metadata.labels)
}
