const GAP = 3

/** Lines in columns as istioctl prints them: the first row is the heading; nothing stands behind the last column. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd((widths[column] ?? 0) + GAP)))
        .join(''),
    )
    .map((line) => `${line.trimEnd()}\n`)
    .join('')
}
