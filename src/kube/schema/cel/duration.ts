import { create } from '@bufbuild/protobuf'
import { type Duration, DurationSchema } from '@bufbuild/protobuf/wkt'
import { parseDurationMs } from '../../../base/index.ts'

/** @returns undefined when the text is not a duration as Go writes them */
export function parseCelDuration(text: string): Duration | undefined {
  const ms = parseDurationMs(text)
  if (ms === undefined) return undefined
  const seconds = Math.trunc(ms / 1000)
  return create(DurationSchema, { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) })
}
