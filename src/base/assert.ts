/** Thrown for programmer errors only: the process that meets one must end, never carry on. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/** States an invariant. @throws AssertionError when it does not hold */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** Ends a switch over a closed union: the compiler proves that no case is left. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable case: ${JSON.stringify(value)}`)
}

/** Narrows away `undefined` where an invariant guarantees a value. */
export function defined<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new AssertionError(`${what} is undefined`)
  return value
}
