/** The outcome of parsing or translating something that a user wrote: a value, or what is wrong with it. */
export type Result<T, E = readonly Violation[]> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: E }

/** One thing that is wrong with user input: where (a field path such as `spec.rules[0].matches`) and what. */
export interface Violation {
  readonly path: string
  readonly message: string
}

export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value }
}

export function fail<E>(error: E): { readonly ok: false; readonly error: E } {
  return { ok: false, error }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
