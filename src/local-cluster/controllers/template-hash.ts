import type { PodTemplateSpec } from '../../kube/index.ts'

/** Kubernetes' alphabet for generated names: no vowels, no digits that look like letters, and never a dash. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'

/** The label that tells the ReplicaSets and pods of one template apart from those of another. */
export const TEMPLATE_HASH_LABEL = 'pod-template-hash'

/**
 * A short name for a pod template: FNV-1a over its canonical form (keys sorted, the hash label left out), so that the
 * same template always gets the same ReplicaSet. @param collisions how often this name was found taken by another template
 */
export function templateHash(template: PodTemplateSpec, collisions: number): string {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(canonicalTemplate(template) + (collisions > 0 ? `#${collisions}` : ''))) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  }
  return Array.from(String(hash), (digit) => ALPHABET[digit.charCodeAt(0) % ALPHABET.length]).join('')
}

export function isSameTemplate(a: PodTemplateSpec, b: PodTemplateSpec): boolean {
  return canonicalTemplate(a) === canonicalTemplate(b)
}

function canonicalTemplate(template: PodTemplateSpec): string {
  const labels = { ...template.metadata?.labels }
  delete labels[TEMPLATE_HASH_LABEL]
  return JSON.stringify(sorted({ ...template, metadata: { ...template.metadata, labels } }))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(
    ([key, member]) => member !== undefined && member !== null && key !== 'creationTimestamp',
  )
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, member]) => [key, sorted(member)]),
  )
}
