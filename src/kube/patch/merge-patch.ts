import { fail, ok, type Result } from '../../base/index.ts'
import { deepClone, isDeeperThan, isRecord, setOwn } from '../json.ts'
import { PATCH_DEPTH_MAX } from './limits.ts'

/** Applies an RFC 7386 merge patch to a copy of a document. */
export function applyMergePatch(doc: unknown, patch: unknown): Result<unknown, string> {
  if (isDeeperThan(patch, PATCH_DEPTH_MAX))
    return fail('error decoding patch: the patch is nested too deeply')
  return ok(mergeInto(doc, patch))
}

function mergeInto(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return deepClone(patch)
  const base = isRecord(target) ? target : {}
  const out: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(base)) {
    if (!Object.hasOwn(patch, key)) setOwn(out, key, deepClone(value))
    else if (patch[key] !== null) setOwn(out, key, mergeInto(value, patch[key]))
  }
  for (const [key, value] of Object.entries(patch)) {
    if (value !== null && !Object.hasOwn(base, key)) setOwn(out, key, mergeInto(undefined, value))
  }
  return out
}
