import type { Container } from '../../kube/index.ts'

/**
 * Lays what a user wrote for the proxy's container over what the template says: lists by their keys, the rest whole.
 * The image `auto` means the template's.
 */
export function mergeContainer(template: Container, own: Container | undefined): Container {
  if (!own) return template
  const { image, ...rest } = own
  return {
    ...template,
    ...rest,
    ...(image === undefined || image === 'auto' ? {} : { image }),
    env: mergeBy(template.env, own.env, (entry) => entry.name),
    ports: mergeBy(template.ports, own.ports, (entry) => `${entry.containerPort}/${entry.protocol ?? 'TCP'}`),
    volumeMounts: mergeBy(template.volumeMounts, own.volumeMounts, (entry) => entry.mountPath),
    resources: { ...template.resources, ...own.resources },
  }
}

/** Entries of `own` replace those of `template` with the same key, in place; the others follow. */
export function mergeBy<T>(
  template: readonly T[] | undefined,
  own: readonly T[] | undefined,
  keyOf: (entry: T) => string,
): readonly T[] {
  const merged = new Map<string, T>()
  for (const entry of [...(template ?? []), ...(own ?? [])]) merged.set(keyOf(entry), entry)
  return [...merged.values()]
}
