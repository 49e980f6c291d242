import { parseDurationMs } from '../../../base/index.ts'

/** @param problems a text that is no duration is added to it, and counts as absent */
export function durationOf(text: string | undefined, path: string, problems: string[]): number | undefined {
  if (text === undefined) return undefined
  const ms = parseDurationMs(text)
  if (ms === undefined) problems.push(`${path}: ${text} is not a duration such as 10s`)
  return ms
}
