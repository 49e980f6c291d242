import { text, json } from './answers.ts'
import { certificates } from './certs.ts'
import { clusterLines, clusters } from './clusters.ts'
import { configDump } from './config-dump.ts'
import { drainListeners, failHealth, quit, resetCounters } from './lifecycle.ts'
import { listenerLines, listenerStatuses } from './listeners.ts'
import { logging } from './logging.ts'
import { isReadyAnswer, memory, serverInfo } from './server-info.ts'
import { statsPage } from './stats-query.ts'
import type { AdminAnswer, AdminContext, AdminRequest } from './types.ts'

/** One of Envoy's admin paths, as far as they have a meaning here. */
export interface AdminPage {
  readonly help: string
  /** What changes something must be asked for by POST, so that following a link does not do it. */
  readonly isMutation?: true
  readonly parameters?: Readonly<Record<string, string>>
  readonly answer: (request: AdminRequest, context: AdminContext) => AdminAnswer
}

const STATS_PARAMETERS = {
  usedonly: 'Only include stats that have been used',
  filter: 'Regular expression (RE2) that a part of the name matches',
  format: 'One of (json, prometheus, text)',
  type: 'One of (All, Counters, Gauges, Histograms)',
} as const

/** The tap is a stream, which is served where the connection is. */
export const TAP_PATH = '/tap'

const PAGES: Readonly<Record<string, AdminPage>> = {
  '/': { help: 'this list', answer: () => text(helpText()) },
  '/certs': {
    help: 'certificates that this proxy holds',
    answer: (_, context) => json(certificates(context)),
  },
  '/clusters': {
    help: 'status of upstream clusters',
    parameters: {
      filter: 'Regular expression (RE2) that a part of the name matches',
      format: 'One of (json, text)',
    },
    answer: (request, context) =>
      request.query.get('format') === 'json'
        ? json(clusters(request, context))
        : text(clusterLines(request, context)),
  },
  '/config_dump': {
    help: 'the configuration as the proxy has taken it; keys are left out',
    parameters: {
      resource: 'Only this part, by the last word of its type, such as routes',
      name_regex: 'Regular expression (RE2) that a part of the name matches',
    },
    answer: configDump,
  },
  '/drain_listeners': {
    help: 'stop accepting connections',
    isMutation: true,
    parameters: {
      graceful: 'Every response ends its connection for the drain time, before the listeners close',
      inboundonly: 'Only what calls the application',
    },
    answer: drainListeners,
  },
  '/healthcheck/fail': {
    help: 'readiness fails from now on',
    isMutation: true,
    answer: (_, context) => failHealth(context, true),
  },
  '/healthcheck/ok': {
    help: 'readiness says again what is true',
    isMutation: true,
    answer: (_, context) => failHealth(context, false),
  },
  '/help': { help: 'this list', answer: () => text(helpText()) },
  '/hot_restart_version': { help: 'version of the conversation with a successor', answer: () => text('1') },
  '/listeners': {
    help: 'ports that are open',
    parameters: { format: 'One of (json, text)' },
    answer: (request, context) =>
      request.query.get('format') === 'json' ? json(listenerStatuses(context)) : text(listenerLines(context)),
  },
  '/logging': {
    help: "the level of the proxy's own log",
    isMutation: true,
    parameters: { level: 'For all loggers', paths: 'name:level, with commas between several' },
    answer: logging,
  },
  '/memory': { help: 'memory of the process', answer: () => json(memory()) },
  '/quitquitquit': { help: 'end this proxy', isMutation: true, answer: (_, context) => quit(context) },
  '/ready': { help: 'LIVE and 200 when the proxy serves', answer: (_, context) => isReadyAnswer(context) },
  '/reset_counters': {
    help: 'counters and histograms begin anew',
    isMutation: true,
    answer: (_, context) => resetCounters(context),
  },
  '/runtime': { help: 'there are no runtime values', answer: () => json({ layers: [], entries: {} }) },
  '/server_info': {
    help: 'version, state and node of the proxy',
    answer: (_, context) => json(serverInfo(context)),
  },
  '/stats': {
    help: 'what the proxy has counted',
    parameters: STATS_PARAMETERS,
    answer: ({ query }, { instance }) => statsPage('/stats', query, instance.registry.text()),
  },
  '/stats/prometheus': {
    help: "the same in Prometheus' text format",
    parameters: STATS_PARAMETERS,
    answer: ({ query }, { instance }) => statsPage('/stats/prometheus', query, instance.registry.text()),
  },
}

/** @returns undefined for a path that there is not */
function pageOf(path: string): AdminPage | undefined {
  return Object.hasOwn(PAGES, path) ? PAGES[path] : undefined
}

export function answerPage(path: string, request: AdminRequest, context: AdminContext): AdminAnswer {
  const page = pageOf(path)
  if (page === undefined) return text(`invalid path. ${helpText()}`, 404)
  if (page.isMutation === true && request.method !== 'POST') return methodRefused(request.method)
  return page.answer(request, context)
}

export function methodRefused(method: string): AdminAnswer {
  return text(`Method ${method} not allowed, POST required.`, 405)
}

const TAP_PAGE: Omit<AdminPage, 'answer'> = {
  help: 'stream requests that match, as they come to their end',
  isMutation: true,
}

/** In Envoy's form. */
function helpText(): string {
  const pages: Readonly<Record<string, Omit<AdminPage, 'answer'>>> = { ...PAGES, [TAP_PATH]: TAP_PAGE }
  const entries = Object.entries(pages).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const lines = entries.map(([path, { help, isMutation, parameters = {} }]) => {
    const own = `  ${path}${isMutation === true ? ' (POST)' : ''}: ${help}\n`
    return (
      own +
      Object.entries<string>(parameters)
        .map(([name, what]) => `      ${name}: ${what}\n`)
        .join('')
    )
  })
  return `admin commands are:\n${lines.join('')}`
}
