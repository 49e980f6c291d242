import { type Result, type Violation, fail, ok } from '../../base/index.ts'
import { checkModelObject, type ModelObject, type ModelType } from '../../model/index.ts'
import { type CompiledRoute, compileRoute } from '../../routing/index.ts'

/** A decoded object; a route comes with its compiled form, which all instances share. */
export interface Interned {
  readonly object: ModelObject
  readonly route: CompiledRoute | undefined
}

/**
 * Decodes and checks each version of an object once for all instances of the process: forty pods that hear of the same
 * route hold one copy of it.
 */
export interface Interner {
  readonly intern: (change: {
    readonly type: ModelType
    readonly key: string
    readonly version: string
    readonly object: unknown
  }) => Result<Interned, string>
  readonly forget: (type: ModelType, key: string) => void
  readonly size: () => number
}

export function createInterner(): Interner {
  const latest = new Map<string, { readonly version: string; readonly result: Result<Interned, string> }>()
  return {
    intern(change) {
      const id = `${change.type} ${change.key}`
      const known = latest.get(id)
      if (known !== undefined && known.version === change.version) return known.result
      const result = decode(change.object, change.type, change.key)
      latest.set(id, { version: change.version, result })
      return result
    },
    forget: (type, key) => {
      latest.delete(`${type} ${key}`)
    },
    size: () => latest.size,
  }
}

function decode(object: unknown, type: ModelType, key: string): Result<Interned, string> {
  const checked = checkModelObject(object)
  if (!checked.ok) return fail(violationText(checked.error))
  const { value } = checked
  if (value.type !== type || value.key !== key) {
    return fail(`the object says it is ${value.type} ${value.key}, but was sent as ${type} ${key}`)
  }
  if (value.type !== 'route') return ok({ object: value, route: undefined })
  const compiled = compileRoute(value)
  return compiled.ok ? ok({ object: value, route: compiled.value }) : fail(violationText(compiled.error))
}

function violationText(violations: readonly Violation[]): string {
  return violations.map((violation) => `${violation.path}: ${violation.message}`).join('; ')
}
