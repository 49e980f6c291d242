/** One cell of a Table: printed as it is, null as `<none>`. */
export type Cell = string | number | boolean | null

/** Labels or a plain map as kubectl prints them; `<none>` for an empty one. */
export function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  const entries = Object.entries(map ?? {}).map(([key, value]) => `${key}=${value}`)
  return entries.length === 0 ? '<none>' : entries.sort().join(',')
}

/** Names and images of a pod template's containers, each joined by commas. */
export function containerCells(
  containers: readonly { readonly name: string; readonly image?: string }[] | undefined,
): readonly [string, string] {
  const list = containers ?? []
  return [list.map((it) => it.name).join(','), list.map((it) => it.image ?? '').join(',')]
}
