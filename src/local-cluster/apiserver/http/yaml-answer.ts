import { stringify, type Tags } from 'yaml'
import type { JsonObject } from '../json.ts'

/** An object as Kubernetes writes it: members in order, nothing shortened that stands twice, times in quotes. */
export function yamlOf(object: JsonObject): string {
  return stringify(object, {
    version: '1.1',
    customTags: (tags) => tags.map(withoutBarePoint),
    aliasDuplicateObjects: false,
    sortMapEntries: true,
    indentSeq: false,
  })
}

/** A number of YAML 1.1 needs a digit; the library takes a point alone for one, and quotes what managedFields are full of. */
function withoutBarePoint(tag: Tags[number]): Tags[number] {
  if (typeof tag !== 'object' || !('test' in tag) || !tag.test?.test('.')) return tag
  return { ...tag, test: new RegExp(`^(?=.*[0-9])(?:${tag.test.source})`) }
}
