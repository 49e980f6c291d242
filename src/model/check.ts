import type { Violation } from '../base/index.ts'

/** Looks at one value of unknown origin and reports what is wrong with it, with its field path. */
export type Check = (value: unknown, path: string, report: (violation: Violation) => void) => void

/** A check for every member of a type: one that is left out is a compile error. */
export type Members<T> = { readonly [K in keyof T]-?: Check }

type Predicate = (value: never) => boolean

function typed(what: string, type: 'string' | 'number' | 'boolean', holds?: Predicate): Check {
  return (value, path, report) => {
    if (typeof value !== type || (holds !== undefined && !holds(value as never))) {
      report({ path, message: `must be ${what}, not ${describe(value)}` })
    }
  }
}

export const text = typed('a text', 'string')
export const filledText = typed('a text that is not empty', 'string', (value: string) => value !== '')
export const flag = typed('true or false', 'boolean')
export const lowerCaseName = typed(
  'a name in lower case',
  'string',
  (value: string) => value !== '' && value === value.toLowerCase(),
)

export function textThat(what: string, holds: (value: string) => boolean): Check {
  return typed(what, 'string', holds)
}

export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Check {
  const what = max === Number.MAX_SAFE_INTEGER ? `an integer from ${min}` : `an integer from ${min} to ${max}`
  return typed(what, 'number', (value: number) => Number.isSafeInteger(value) && value >= min && value <= max)
}

export function number(min: number, max: number): Check {
  return typed(`a number from ${min} to ${max}`, 'number', (value: number) => value >= min && value <= max)
}

export const port = integer(1, 65535)

export function oneOf(...choices: readonly (string | boolean)[]): Check {
  return (value, path, report) => {
    if (choices.some((choice) => choice === value)) return
    report({ path, message: `must be one of ${choices.join(', ')}, not ${describe(value)}` })
  }
}

export function optional(check: Check): Check {
  return (value, path, report) => {
    if (value !== undefined) check(value, path, report)
  }
}

export function list(item: Check, options: { readonly filled?: boolean } = {}): Check {
  return (value, path, report) => {
    if (!Array.isArray(value)) return report({ path, message: `must be a list, not ${describe(value)}` })
    if (options.filled === true && value.length === 0) report({ path, message: 'must not be empty' })
    value.forEach((member, i) => item(member, `${path}[${i}]`, report))
  }
}

/** A map with texts as keys. */
export function record(member: Check, key?: Check): Check {
  return (value, path, report) => {
    if (!isObject(value)) return report({ path, message: `must be an object, not ${describe(value)}` })
    for (const [name, one] of Object.entries(value)) {
      key?.(name, `${path}[${name}]`, report)
      member(one, `${path}[${name}]`, report)
    }
  }
}

/** An object with these members; others are left alone, so that an older proxy bears what a newer control plane adds. */
export function object<T>(members: Members<T>): Check {
  const checks = Object.entries<Check>(members)
  return (value, path, report) => {
    if (!isObject(value)) return report({ path, message: `must be an object, not ${describe(value)}` })
    for (const [name, check] of checks) check(value[name], path === '' ? name : `${path}.${name}`, report)
  }
}

/** A closed choice: the member `tag` says which check holds for the whole. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- callers name the kinds: a missing variant is a compile error
export function union<Tag extends string>(tag: string, variants: { readonly [K in Tag]: Check }): Check {
  return (value, path, report) => {
    if (!isObject(value)) return report({ path, message: `must be an object, not ${describe(value)}` })
    const name = value[tag]
    if (typeof name !== 'string' || !Object.hasOwn(variants, name)) {
      const names = Object.keys(variants).join(', ')
      const where = path === '' ? tag : `${path}.${tag}`
      return report({ path: where, message: `must be one of ${names}, not ${describe(name)}` })
    }
    variants[name as Tag](value, path, report)
  }
}

/** A check that needs several members at once; it runs only when each of them alone is right. */
export function when(check: Check, also: Check): Check {
  return (value, path, report) => {
    let clean = true
    check(value, path, (violation) => {
      clean = false
      report(violation)
    })
    if (clean) also(value, path, report)
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function describe(value: unknown): string {
  if (value === undefined) return 'absent'
  if (Array.isArray(value)) return 'a list'
  if (isObject(value)) return 'an object'
  return (JSON.stringify(value) ?? typeof value).slice(0, 60)
}
