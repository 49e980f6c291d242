import { type KindRef, KINDS } from '../kube/client/index.ts'

const BY_API_VERSION_AND_KIND: ReadonlyMap<string, KindRef> = new Map(
  Object.values(KINDS).map((ref) => [
    `${ref.group === '' ? ref.version : `${ref.group}/${ref.version}`} ${ref.kind}`,
    ref,
  ]),
)

/** How to address the kind of an object that the project itself makes. @throws Error for a kind that it never makes */
export function kindOf(object: { readonly apiVersion: string; readonly kind: string }): KindRef {
  const ref = BY_API_VERSION_AND_KIND.get(`${object.apiVersion} ${object.kind}`)
  if (!ref) throw new Error(`${object.apiVersion} ${object.kind} is not among the kinds of src/kube/client`)
  return ref
}
