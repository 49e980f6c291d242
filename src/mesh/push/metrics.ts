/** Metrics in Prometheus' text format, as many as a control plane needs: counters, gauges read when asked, histograms. */
export interface Metrics {
  readonly counter: (name: string, help: string) => Counter
  readonly histogram: (name: string, help: string, buckets: readonly number[]) => Histogram
  /** @param read called at each scrape; pairs of labels and value */
  readonly gauge: (name: string, help: string, read: () => readonly (readonly [Labels, number])[]) => void
  readonly text: () => string
}

export type Labels = Readonly<Record<string, string>>

export interface Counter {
  readonly add: (labels?: Labels, value?: number) => void
}

export interface Histogram {
  readonly observe: (value: number, labels?: Labels) => void
}

interface Series {
  readonly labels: string
  readonly buckets: number[]
  sum: number
  count: number
}

/** Label sets of one metric: they come from closed lists, this is the fuse. */
const SERIES_MAX = 1000

export function createMetrics(): Metrics {
  const families: (() => string)[] = []
  return {
    counter(name, help) {
      const values = new Map<string, number>()
      families.push(() => {
        const lines = [...values].map(([labels, value]) => `${name}${labels} ${value}\n`)
        return header(name, help, 'counter') + (lines.length === 0 ? `${name} 0\n` : lines.join(''))
      })
      return {
        add(labels = {}, value = 1) {
          const key = formatLabels(labels)
          if (values.size < SERIES_MAX || values.has(key)) values.set(key, (values.get(key) ?? 0) + value)
        },
      }
    },
    histogram(name, help, buckets) {
      const series = new Map<string, Series>()
      families.push(
        () =>
          header(name, help, 'histogram') +
          [...series.values()].map((one) => histogramLines(name, buckets, one)).join(''),
      )
      return {
        observe(value, labels = {}) {
          const key = formatLabels(labels)
          const known = series.get(key) ?? { labels: key, buckets: buckets.map(() => 0), sum: 0, count: 0 }
          if (series.size < SERIES_MAX || series.has(key)) series.set(key, known)
          known.sum += value
          known.count += 1
          for (const [index, bound] of buckets.entries()) {
            if (value <= bound) known.buckets[index] = (known.buckets[index] ?? 0) + 1
          }
        },
      }
    },
    gauge(name, help, read) {
      families.push(
        () =>
          header(name, help, 'gauge') +
          read()
            .map(([labels, value]) => `${name}${formatLabels(labels)} ${value}\n`)
            .join(''),
      )
    },
    text: () => families.map((family) => family()).join(''),
  }
}

function histogramLines(name: string, bounds: readonly number[], series: Series): string {
  const withBound = (bound: string) =>
    series.labels === '' ? `{le="${bound}"}` : series.labels.replace('{', `{le="${bound}",`)
  const lines = bounds.map(
    (bound, index) => `${name}_bucket${withBound(String(bound))} ${series.buckets[index] ?? 0}\n`,
  )
  lines.push(`${name}_bucket${withBound('+Inf')} ${series.count}\n`)
  lines.push(`${name}_sum${series.labels} ${series.sum}\n`, `${name}_count${series.labels} ${series.count}\n`)
  return lines.join('')
}

function header(name: string, help: string, type: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
}

function formatLabels(labels: Labels): string {
  const entries = Object.entries(labels)
  if (entries.length === 0) return ''
  return `{${entries.map(([name, value]) => `${name}="${escapeValue(value)}"`).join(',')}}`
}

function escapeValue(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
