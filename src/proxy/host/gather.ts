import { mergeStatistics, type StatisticsPart } from '../../telemetry/index.ts'
import { statsPage } from '../admin/stats-query.ts'
import { joinTapped } from '../admin/tap-server.ts'
import type { AdminAnswer } from '../admin/types.ts'

/** What is asked of each worker for a page: of figures all that there are, for they are added up before one chooses. */
export function partOf<Question extends { readonly path: string; readonly query: string }>(
  question: Question,
): Question {
  return question.path === '/stats' || question.path === '/stats/prometheus'
    ? { ...question, path: '/stats/prometheus', query: '' }
    : question
}

/**
 * One page of several workers' answers to `partOf`. Figures are added up; of what all of them know alike the first
 * answer stands for all.
 * @param inherited what the process before this one has counted
 */
export function mergeAnswers(
  { path, query }: { readonly path: string; readonly query: string },
  answers: readonly AdminAnswer[],
  inherited: readonly StatisticsPart[] = [],
): AdminAnswer {
  const [first] = answers
  if (first === undefined) return { status: 503, type: 'text/plain', body: 'no worker answers\n' }
  const failed = answers.find(({ status }) => status >= 400)
  if (failed !== undefined) return failed
  switch (path) {
    case '/stats':
    case '/stats/prometheus': {
      const merged = mergeStatistics([...answers.map(({ body }) => ({ text: body })), ...inherited])
      return statsPage(path, new URLSearchParams(query), merged)
    }
    case '/tap/poll':
      return joinTapped(answers)
    case '/clusters':
    case '/config_dump':
      if (answers.length === 1) return first
      return first.type === 'application/json' ? mergeJson(answers) : mergeClusterLines(answers)
    default:
      return first
  }
}

/** `cluster::address::figure::value`; what is no count of this proxy's own is the same in all. */
function mergeClusterLines(answers: readonly AdminAnswer[]): AdminAnswer {
  const lines = new Map<string, string>()
  for (const { body } of answers) {
    for (const line of body.split('\n')) {
      const at = line.lastIndexOf('::')
      if (at < 0) continue
      const key = line.slice(0, at)
      const value = line.slice(at + 2)
      const before = lines.get(key)
      lines.set(key, before === undefined ? value : mergeFigure(key, before, value))
    }
  }
  const body = [...lines].map(([key, value]) => `${key}::${value}\n`).join('')
  return { ...(answers[0] as AdminAnswer), body }
}

function mergeFigure(key: string, before: string, value: string): string {
  const name = key.slice(key.lastIndexOf('::') + 2)
  if (name.startsWith('cx_') || name.startsWith('rq_')) return String(Number(before) + Number(value))
  return name === 'health_flags' && before === 'healthy' ? value : before
}

function mergeJson(answers: readonly AdminAnswer[]): AdminAnswer {
  const [first, ...others] = answers as readonly [AdminAnswer, ...AdminAnswer[]]
  const merged = others.reduce<unknown>(
    (sum, { body }) => mergeClusters(sum, JSON.parse(body), false),
    JSON.parse(first.body),
  )
  return { ...first, body: `${JSON.stringify(merged, undefined, 1)}\n` }
}

/** What holds counts of a worker's own, in Envoy's cluster status and ours. */
const COUNTED: ReadonlySet<string> = new Set(['load', 'stats'])
/** Where statuses of clusters stand, and what tells one from another there. */
const LISTS: Readonly<Record<string, (one: Fields) => unknown>> = {
  cluster_statuses: (one) => one['name'],
  clusters: (one) => one['name'],
  host_statuses: (one) => JSON.stringify(one['address']),
  configs: (one) => one['@type'],
}

type Fields = Readonly<Record<string, unknown>>

function mergeClusters(before: unknown, other: unknown, isCounted: boolean): unknown {
  if (isCounted && typeof before === 'number' && typeof other === 'number') return before + other
  if (!isFields(before) || !isFields(other)) return before
  const merged: Record<string, unknown> = { ...other, ...before }
  for (const [name, value] of Object.entries(before)) {
    const idOf = LISTS[name]
    if (idOf !== undefined && Array.isArray(value)) merged[name] = mergeList(value, other[name], idOf)
    else if (isCounted || COUNTED.has(name) || name === 'health_status') {
      merged[name] = mergeClusters(value, other[name], isCounted || COUNTED.has(name))
    }
  }
  return merged
}

function mergeList(
  before: readonly unknown[],
  other: unknown,
  idOf: (one: Fields) => unknown,
): readonly unknown[] {
  if (!Array.isArray(other)) return before
  const others = new Map((other as readonly unknown[]).filter(isFields).map((one) => [idOf(one), one]))
  const merged = before.map((one) => {
    if (!isFields(one)) return one
    const match = others.get(idOf(one))
    others.delete(idOf(one))
    return mergeClusters(one, match, false)
  })
  return [...merged, ...others.values()]
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
