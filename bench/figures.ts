/** One measured value; `most` is the goal where there is one. */
export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly most?: number
}

/** @param share 0.5 is the median, 0.99 leaves one in a hundred above; nearest rank, so it is always a measured value */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const value = sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * share) - 1))]
  if (value === undefined) throw new Error('a percentile of no values')
  return value
}

/** Lines with the columns name, value, goal and whether it is met. */
export function table(figures: readonly Figure[]): readonly string[] {
  const rows = figures.map(({ name, value, unit, most }) => ({
    name,
    value: `${format(value)} ${unit}`,
    goal: most === undefined ? '' : value <= most ? `✔ goal ${most}` : `✗ goal ${most}`,
  }))
  const nameWidth = Math.max(...rows.map((row) => row.name.length))
  const valueWidth = Math.max(...rows.map((row) => row.value.length))
  return rows.map((row) =>
    `  ${row.name.padEnd(nameWidth)}  ${row.value.padStart(valueWidth)}  ${row.goal}`.trimEnd(),
  )
}

function format(value: number): string {
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2)
}
