/** Envoy's `/stats`, made of the Prometheus text, so that it is the same for one registry and for several added up. */
export type StatsFormat = 'text' | 'json' | 'prometheus'

export interface StatsQuery {
  readonly format: StatsFormat
  /** On the names as `/stats` has them. */
  readonly isWanted: (name: string) => boolean
  /** Leaves out what has never counted. */
  readonly usedOnly: boolean
  readonly type: 'All' | 'Counters' | 'Gauges' | 'Histograms'
}

interface Stat {
  readonly name: string
  readonly value: number
}

interface Sample {
  readonly metric: string
  readonly labels: string
  readonly value: number
  readonly line: string
}

interface Family {
  readonly head: string
  readonly metric: string
  readonly type: string
  readonly samples: Sample[]
}

const TYPES: Readonly<Record<string, StatsQuery['type']>> = {
  counter: 'Counters',
  gauge: 'Gauges',
  histogram: 'Histograms',
}

export function renderStats(prometheusText: string, query: StatsQuery): string {
  const families = readFamilies(prometheusText).filter(
    ({ type }) => query.type === 'All' || TYPES[type] === query.type,
  )
  if (query.format === 'prometheus') return families.map((family) => familyText(family, query)).join('')
  const stats = families
    .flatMap((family) => family.samples.map(statOf))
    .filter(({ name, value }) => query.isWanted(name) && (!query.usedOnly || value !== 0))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  if (query.format === 'json') return `${JSON.stringify({ stats })}\n`
  return stats.map(({ name, value }) => `${name}: ${value}\n`).join('')
}

function readFamilies(text: string): readonly Family[] {
  const families: Family[] = []
  let help = ''
  for (const line of text.split('\n')) {
    if (line.startsWith('# HELP ')) help = `${line}\n`
    else if (line.startsWith('# TYPE ')) {
      const [, , metric = '', type = ''] = line.split(' ')
      families.push({ head: `${help}${line}\n`, metric, type, samples: [] })
      help = ''
    } else if (line !== '') families.at(-1)?.samples.push(sampleOf(line))
  }
  return families
}

/** `name{labels} value`; labels may have blanks and braces in their values. */
function sampleOf(line: string): Sample {
  const brace = line.indexOf('{')
  const end = line.lastIndexOf('}')
  return {
    metric: line.slice(0, brace),
    labels: line.slice(brace + 1, end),
    value: Number(line.slice(end + 2)),
    line,
  }
}

/** The histogram of a series is used when it has counted anything: its parts are shown together. */
function familyText(family: Family, query: StatsQuery): string {
  const lines = family.samples.filter((sample) => query.isWanted(statOf(sample).name))
  const used = new Set(lines.filter(({ value }) => value !== 0).map(seriesOf))
  const shown = query.usedOnly ? lines.filter((sample) => used.has(seriesOf(sample))) : lines
  return shown.length === 0 ? '' : family.head + shown.map(({ line }) => `${line}\n`).join('')
}

function seriesOf({ labels }: Sample): string {
  return labels.replace(/,?le="[^"]*"$/, '')
}

const CLUSTER = /^cluster_name="((?:[^"\\]|\\.)*)"$/

/** Envoy's dotted names for what has one there; the others as Prometheus has them, with their labels. */
function statOf({ metric, labels, value }: Sample): Stat {
  const cluster = CLUSTER.exec(labels)?.[1]
  if (cluster !== undefined && metric.startsWith('envoy_cluster_'))
    return { name: `cluster.${cluster}.${metric.slice('envoy_cluster_'.length)}`, value }
  const plain = /^envoy_(server|http|tracing)_(.*)$/.exec(metric)
  if (plain !== null && labels === '') return { name: `${plain[1]}.${plain[2]}`, value }
  return { name: labels === '' ? metric : `${metric}{${labels}}`, value }
}
