import type { ReferenceGrant } from '../../resources/index.ts'

/** A reference that leaves its own namespace. */
export interface CrossReference {
  readonly from: { readonly group: string; readonly kind: string; readonly namespace: string }
  readonly to: { readonly group: string; readonly kind: string; readonly name: string }
}

/** @param grants those of the namespace that the reference leads to */
export function isGranted(reference: CrossReference, grants: readonly ReferenceGrant[]): boolean {
  return grants.some(
    ({ spec }) =>
      spec.from.some(
        (from) =>
          from.group === reference.from.group &&
          from.kind === reference.from.kind &&
          from.namespace === reference.from.namespace,
      ) &&
      spec.to.some(
        (to) =>
          to.group === reference.to.group &&
          to.kind === reference.to.kind &&
          (to.name === undefined || to.name === '' || to.name === reference.to.name),
      ),
  )
}
