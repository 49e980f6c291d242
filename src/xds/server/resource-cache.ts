import type { ModelObject } from '../../model/index.ts'
import { type EncodedResource, encodeResource } from './encoder.ts'

/**
 * Encodes each object once, whatever the number of proxies that get it. Objects are immutable and a changed one is a
 * new one, so the object itself is the key and what is no longer served is forgotten with it.
 */
export function createResourceCache(): { readonly encode: (object: ModelObject) => EncodedResource } {
  const encoded = new WeakMap<ModelObject, EncodedResource>()
  return {
    encode(object) {
      const known = encoded.get(object)
      if (known) return known
      const made = encodeResource(object)
      encoded.set(object, made)
      return made
    },
  }
}
