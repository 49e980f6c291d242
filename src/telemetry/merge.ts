/** One thread's or process's figures, in Prometheus' text format. */
export interface StatisticsPart {
  readonly text: string
  /** Of a process that has gone: what it counted goes on counting, what it had at hand is no more. */
  readonly onlyCounts?: boolean
}

interface MergedFamily {
  readonly head: string
  readonly isGauge: boolean
  /** By series: name and labels. */
  readonly values: Map<string, number>
}

/** What every worker knows of the same thing: adding it up would count it once for each. */
const SAME_FOR_ALL: ReadonlySet<string> = new Set([
  'envoy_server_live',
  'envoy_server_uptime',
  'envoy_cluster_membership_healthy',
  'envoy_cluster_membership_total',
])

/**
 * One view of several registries: counters, histograms and gauges added up by series, in the order in which they first
 * appear. Of gauges that say the same in every worker the highest.
 */
export function mergeStatistics(parts: readonly StatisticsPart[]): string {
  const [only] = parts
  if (parts.length === 1 && only !== undefined && only.onlyCounts !== true) return only.text
  const families = new Map<string, MergedFamily>()
  for (const part of parts) addPart(families, part)
  let text = ''
  for (const { head, values } of families.values()) {
    if (values.size === 0) continue
    text += head
    for (const [series, value] of values) text += `${series} ${value}\n`
  }
  return text
}

function addPart(families: Map<string, MergedFamily>, { text, onlyCounts = false }: StatisticsPart): void {
  let help = ''
  let name = ''
  let family: MergedFamily | undefined
  for (const line of text.split('\n')) {
    if (line === '') continue
    if (line.startsWith('# HELP ')) {
      help = `${line}\n`
    } else if (line.startsWith('# TYPE ')) {
      const [, , typed = '', type = ''] = line.split(' ')
      name = typed
      family = families.get(name)
      if (family === undefined) {
        family = { head: `${help}${line}\n`, isGauge: type === 'gauge', values: new Map() }
        families.set(name, family)
      }
    } else if (family !== undefined && !(onlyCounts && family.isGauge)) {
      addLine(family, line, SAME_FOR_ALL.has(name))
    }
  }
}

function addLine({ values }: MergedFamily, line: string, isSame: boolean): void {
  const blank = line.lastIndexOf(' ')
  const series = line.slice(0, blank)
  const value = Number(line.slice(blank + 1))
  const before = values.get(series)
  values.set(series, before === undefined ? value : isSame ? Math.max(before, value) : before + value)
}
