import type { IntOrString } from '../../kube/index.ts'

/** A count, or a percentage such as `25%` of the total. @returns 0 for a text that is neither */
export function intOrPercent(value: IntOrString, total: number, round: (value: number) => number): number {
  if (typeof value === 'number') return value
  const percent = /^(\d+)%$/.exec(value)
  return percent ? round((Number(percent[1]) * total) / 100) : 0
}
