import { isRecord, type MutableRecord } from '../json.ts'

/**
 * Small tools for defaulting code. They work on the fresh copy that normalisation made, so changing it in place
 * is safe and no caller's object is touched.
 */

/** Sets a field unless it is there. */
export function fill(target: MutableRecord, key: string, value: unknown): void {
  if (target[key] === undefined) target[key] = value
}

export function fillAll(target: MutableRecord, values: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(values)) fill(target, key, value)
}

/** The object in a field, put there when absent; undefined when the user wrote something else. */
export function ensureRecord(target: MutableRecord, key: string): MutableRecord | undefined {
  fill(target, key, {})
  return recordIn(target, key)
}

export function recordIn(target: MutableRecord, key: string): MutableRecord | undefined {
  const value = target[key]
  return isRecord(value) ? value : undefined
}

/** The objects of a list; other items are left to validation. */
export function recordsIn(target: MutableRecord | undefined, key: string): readonly MutableRecord[] {
  const value = target?.[key]
  return Array.isArray(value) ? value.filter(isRecord).map((item) => item as MutableRecord) : []
}
