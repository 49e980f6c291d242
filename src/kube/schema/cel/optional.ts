import {
  type CelFunc,
  celFunc,
  type CelInput,
  celList,
  type CelMap,
  celMethod,
  CelScalar,
  isCelList,
} from '@bufbuild/cel'
import { OPAQUE, unwrap, wrap } from './opaque.ts'

/** An optional value: `oldSelf` of a rule with optionalOldSelf, or the answer of `format.x().validate()`. */
export function optionalOf(value: CelInput | undefined): CelMap {
  return wrap('optional', celList(value === undefined ? [] : [value]))
}

function contentOf(optional: CelMap): CelInput | undefined {
  const content = unwrap('optional', optional)
  return isCelList(content) ? content.get(0) : undefined
}

export function optionalFunctions(): CelFunc[] {
  const { BOOL, DYN } = CelScalar
  return [
    celFunc('optional.none', [], OPAQUE, () => optionalOf(undefined)),
    celFunc('optional.of', [DYN], OPAQUE, (value) => optionalOf(value)),
    celMethod('hasValue', OPAQUE, [], BOOL, function () {
      return contentOf(this) !== undefined
    }),
    celMethod('value', OPAQUE, [], DYN, function () {
      const content = contentOf(this)
      if (content === undefined) throw new Error('optional.none() dereference')
      return content
    }),
    celMethod('orValue', OPAQUE, [DYN], DYN, function (other) {
      return contentOf(this) ?? other
    }),
    celMethod('or', OPAQUE, [OPAQUE], OPAQUE, function (other) {
      return contentOf(this) === undefined ? other : this
    }),
  ]
}
