import { RE2JS } from 're2js'
import { messageOf } from '../../base/index.ts'
import { renderStats, type StatsFormat, type StatsQuery } from '../../telemetry/index.ts'
import { text, TEXT } from './answers.ts'
import type { AdminAnswer } from './types.ts'

const FORMATS: ReadonlySet<string> = new Set(['text', 'json', 'prometheus'])
const TYPES: ReadonlySet<string> = new Set(['All', 'Counters', 'Gauges', 'Histograms'])
const TYPE_OF: Readonly<Record<StatsFormat, string>> = {
  text: TEXT,
  json: 'application/json',
  prometheus: 'text/plain; version=0.0.4',
}

/** `/stats` and `/stats/prometheus` of figures in Prometheus' text, from one thread or added up from several. */
export function statsPage(path: string, query: URLSearchParams, prometheusText: string): AdminAnswer {
  const wanted = query.get('format') ?? 'text'
  const format = path === '/stats/prometheus' ? 'prometheus' : wanted
  if (!FORMATS.has(format)) return text('usage: /stats?format=(json|prometheus|text)\n\n', 400)
  const type = query.get('type') ?? 'All'
  if (!TYPES.has(type)) return text('usage: /stats?type=(All|Counters|Gauges|Histograms)\n\n', 400)
  const isWanted = nameFilter(query.get('filter'))
  if (typeof isWanted === 'string') return text(`${isWanted}\n`, 400)
  const isWhole = format === 'prometheus' && type === 'All' && [...query.keys()].length === 0
  const body = isWhole
    ? prometheusText
    : renderStats(prometheusText, {
        format: format as StatsFormat,
        isWanted,
        usedOnly: query.has('usedonly'),
        type: type as StatsQuery['type'],
      })
  return { status: 200, type: TYPE_OF[format as StatsFormat], body }
}

/** @returns a test of names, or why the pattern is none; a part of the name has to match, as in Envoy */
export function nameFilter(pattern: string | null): ((name: string) => boolean) | string {
  if (pattern === null || pattern === '') return () => true
  try {
    const compiled = RE2JS.compile(pattern)
    return (name) => compiled.test(name)
  } catch (error) {
    return `invalid regular expression: ${messageOf(error)}`
  }
}
