import type { FieldError, KubeObject } from '../../../kube/index.ts'
import { at, isObject, withMembers } from '../json.ts'
import type { KindHooks } from './hook-types.ts'

export const SECRET_HOOKS: Partial<KindHooks> = {
  prepareCreate: withEncodedStrings,
  prepareUpdate: withEncodedStrings,
  validate: (object, old) => (old && at(old, 'immutable') === true ? checkUnchanged(object, old) : []),
}

/** `stringData` is a way of writing `data`, and is never read back. */
function withEncodedStrings(object: KubeObject): KubeObject {
  const strings = at(object, 'stringData')
  if (strings === undefined) return object
  const encoded: Record<string, string> = {}
  for (const [key, text] of Object.entries(isObject(strings) ? strings : {})) {
    encoded[key] = Buffer.from(String(text)).toString('base64')
  }
  const data = at(object, 'data')
  return withMembers(object, { stringData: undefined, data: { ...(isObject(data) ? data : {}), ...encoded } })
}

function checkUnchanged(object: KubeObject, old: KubeObject): readonly FieldError[] {
  if (JSON.stringify(at(object, 'data')) === JSON.stringify(at(old, 'data'))) return []
  return [{ type: 'Forbidden', path: 'data', detail: 'field is immutable when `immutable` is set' }]
}
