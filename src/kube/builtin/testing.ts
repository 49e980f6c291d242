import assert from 'node:assert/strict'
import { BUILT_IN_KINDS } from '../kinds.ts'
import type { GroupVersionKind } from '../object.ts'
import { formatFieldError } from '../schema/field-error.ts'
import { builtInSchema } from './schema.ts'

/** What the server would answer to the object, or to putting it in place of an older one. */
export function errorsOf(gvk: GroupVersionKind, object: object, old?: object): readonly string[] {
  const schema = builtInSchema(gvk) ?? assert.fail(gvk.kind)
  const fill = (value: object) => schema.applyDefaults(schema.prune(value).value)
  return schema.validate(fill(object), old && fill(old)).map(formatFieldError)
}

/** The same for a kind of which there is one stored version. */
export function refusals(kind: string, rest: object, old?: object): readonly string[] {
  const info = BUILT_IN_KINDS.find((each) => each.kind === kind) ?? assert.fail(kind)
  const apiVersion = info.group === '' ? info.version : `${info.group}/${info.version}`
  const whole = (part: object) => ({ apiVersion, kind, metadata: { name: 'a', namespace: 'n' }, ...part })
  return errorsOf(info, whole(rest), old && whole(old))
}
