import type { FieldError } from './field-error.ts'

/** What a schema does to an object, in the API server's order: prune, apply defaults, validate. */
export interface CompiledSchema {
  /**
   * Drops the fields that the schema does not know.
   * @returns the value without them (the same reference when nothing was dropped) and their paths
   */
  prune(value: unknown): PruneResult
  /** Fills in defaults; nested ones only where the parent is there. Returns the same reference when nothing changes. */
  applyDefaults(value: unknown): unknown
  /**
   * Checks a pruned, defaulted value.
   * @param old the stored value on an update: transition rules see it, and what was already wrong and
   *   has not changed is let through (ratcheting)
   */
  validate(value: unknown, old?: unknown): readonly FieldError[]
}

export interface PruneResult {
  readonly value: unknown
  /** paths as in Kubernetes' field validation: `spec.foo`, `spec.rules[0].bar` */
  readonly pruned: readonly string[]
}
