/** Label names and values, in the order in which they are printed. */
export type LabelValues = readonly (readonly [string, string])[]

/** A counter's or gauge's value; incrementing it is all that a request does. */
export interface ScalarSeries {
  value: number
}

export interface HistogramSeries {
  readonly bounds: Float64Array
  /** One more than bounds: the last counts what is above all of them. */
  readonly counts: Float64Array
  sum: number
  count: number
}

export interface Family<Series> {
  /** The series of these labels, made at the first call. Resolve it when configuration changes, not per request. */
  readonly series: (labels: LabelValues) => Series
  readonly size: () => number
}

export interface MetricsRegistry {
  readonly counter: (name: string, help: string) => Family<ScalarSeries>
  readonly gauge: (name: string, help: string) => Family<ScalarSeries>
  readonly histogram: (name: string, help: string, bounds: readonly number[]) => Family<HistogramSeries>
  /** Called before each print, for values that are read from elsewhere. */
  readonly onCollect: (collect: () => void) => void
  /** What counts begins anew; what is at hand stays. */
  readonly resetCounters: () => void
  /** Prometheus text format 0.0.4. */
  readonly text: () => string
}

/**
 * Series of one family; beyond it all further label sets share one series whose label values are `overflow`, so
 * that a client that invents names cannot fill the memory.
 */
export const SERIES_PER_FAMILY_MAX = 10_000

interface Printed {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly lines: () => string
  /** Counters and histograms begin anew. */
  readonly reset: () => void
}

export function createMetricsRegistry(): MetricsRegistry {
  const families = new Map<string, Printed>()
  const collectors: (() => void)[] = []

  /** Asked for again it is the same: whoever looks at changing names may ask each time. */
  function familyOf<Series>(name: string, make: () => Printed & { readonly family: Family<Series> }) {
    let printed = families.get(name)
    if (printed === undefined) families.set(name, (printed = make()))
    return (printed as ReturnType<typeof make>).family
  }

  const scalar = (type: 'counter' | 'gauge') => (name: string, help: string) =>
    familyOf<ScalarSeries>(name, () => {
      const family = createFamily<ScalarSeries>(() => ({ value: 0 }))
      const lines = () => scalarLines(name, family.all())
      const reset = () => {
        if (type === 'counter') for (const [, series] of family.all()) series.value = 0
      }
      return { name, help, type, lines, reset, family }
    })
  return {
    counter: scalar('counter'),
    gauge: scalar('gauge'),
    histogram: (name, help, bounds) =>
      familyOf<HistogramSeries>(name, () => {
        const limits = Float64Array.from(bounds)
        const family = createFamily(() => createHistogramSeries(limits))
        const lines = () => histogramLines(name, family.all())
        const reset = () => {
          for (const [, series] of family.all()) {
            series.counts.fill(0)
            series.sum = 0
            series.count = 0
          }
        }
        return { name, help, type: 'histogram', lines, reset, family }
      }),
    resetCounters() {
      for (const family of families.values()) family.reset()
    },
    onCollect: (collect) => {
      collectors.push(collect)
    },
    text() {
      for (const collect of collectors) collect()
      let text = ''
      for (const family of families.values()) {
        const lines = family.lines()
        if (lines !== '')
          text += `# HELP ${family.name} ${family.help}\n# TYPE ${family.name} ${family.type}\n${lines}`
      }
      return text
    },
  }
}

export function createHistogramSeries(bounds: Float64Array | readonly number[]): HistogramSeries {
  const limits = bounds instanceof Float64Array ? bounds : Float64Array.from(bounds)
  return { bounds: limits, counts: new Float64Array(limits.length + 1), sum: 0, count: 0 }
}

export function observe(series: HistogramSeries, value: number): void {
  const { bounds, counts } = series
  let bucket = 0
  while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++
  counts[bucket] = (counts[bucket] as number) + 1
  series.sum += value
  series.count++
}

type Entry<Series> = readonly [labels: string, series: Series]

function createFamily<Series>(make: () => Series) {
  const byLabels = new Map<string, Series>()
  return {
    series(labels: LabelValues): Series {
      const text = labelText(labels)
      const found = byLabels.get(text)
      if (found !== undefined) return found
      if (byLabels.size >= SERIES_PER_FAMILY_MAX) {
        const overflow = labelText(labels.map(([name]) => [name, 'overflow']))
        const shared = byLabels.get(overflow) ?? make()
        byLabels.set(overflow, shared)
        return shared
      }
      const series = make()
      byLabels.set(text, series)
      return series
    },
    size: () => byLabels.size,
    all: (): Iterable<Entry<Series>> => byLabels,
  }
}

function labelText(labels: LabelValues): string {
  return labels.map(([name, value]) => `${name}="${escapeLabel(value)}"`).join(',')
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}

function scalarLines(name: string, entries: Iterable<Entry<ScalarSeries>>): string {
  let text = ''
  for (const [labels, series] of entries) text += `${name}{${labels}} ${series.value}\n`
  return text
}

function histogramLines(name: string, entries: Iterable<Entry<HistogramSeries>>): string {
  let text = ''
  for (const [labels, series] of entries) {
    const comma = labels === '' ? '' : ','
    let total = 0
    for (let i = 0; i < series.bounds.length; i++) {
      total += series.counts[i] as number
      text += `${name}_bucket{${labels}${comma}le="${series.bounds[i]}"} ${total}\n`
    }
    text += `${name}_bucket{${labels}${comma}le="+Inf"} ${series.count}\n`
    text += `${name}_sum{${labels}} ${series.sum}\n${name}_count{${labels}} ${series.count}\n`
  }
  return text
}
