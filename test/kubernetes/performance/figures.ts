/** One row of the table: what it is about, and its values, each with the unit that is written behind it. */
export interface Row {
  readonly name: string
  readonly parts: readonly Part[]
}

export type Part = readonly [value: number, unit: string]

/** Rows of both servers beside each other, as Markdown. */
export function tableOf(ours: readonly Row[], theirs: readonly Row[]): readonly string[] {
  const other = new Map(theirs.map((row) => [row.name, row]))
  return [
    '| | Lateen | kube-apiserver + etcd |',
    '| --- | ---: | ---: |',
    ...ours.map((row) => `| ${row.name} | ${textOf(row)} | ${textOf(other.get(row.name))} |`),
  ]
}

export function textOf(row: Row | undefined): string {
  if (row === undefined) return '–'
  return row.parts.map(([value, unit]) => `${format(value)}${unit}`).join(' · ')
}

function format(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en')
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)
}
