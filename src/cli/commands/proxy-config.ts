import { readFile } from 'node:fs/promises'
import { stringify } from 'yaml'
import { messageOf, systemClock } from '../../base/index.ts'
import type { Workload } from '../../model/index.ts'
import { type CommandCall, textOption } from '../command-call.ts'
import { CliError, ExitCode } from '../exit.ts'
import { countOption } from '../options.ts'
import { askAdmin } from '../proxy-admin.ts'
import { parseDump, type ProxyDump } from '../proxy-config/dump.ts'
import {
  CLUSTER_HEADING,
  clusterRows,
  ENDPOINT_HEADING,
  endpointRows,
  LISTENER_HEADING,
  listenerRows,
  ROUTE_HEADING,
  routeRows,
  type Rows,
  SECRET_HEADING,
  secretRows,
} from '../proxy-config/tables.ts'
import { textTable } from '../text-table.ts'

interface Section {
  readonly heading: readonly string[]
  readonly rows: (call: CommandCall, dump: ProxyDump) => Rows
  /** What of the dump is shown with `-o json`. */
  readonly part: keyof ProxyDump
}

const SECTIONS: Readonly<Record<string, Section>> = {
  cluster: {
    heading: CLUSTER_HEADING,
    part: 'services',
    rows: (call, dump) =>
      clusterRows(dump, ownWorkload(call, dump), {
        fqdn: textOption(call, 'fqdn'),
        port: countOption(call, 'port'),
        subset: textOption(call, 'subset'),
        direction: textOption(call, 'direction'),
      }),
  },
  listener: {
    heading: LISTENER_HEADING,
    part: 'listeners',
    rows: (call, dump) =>
      listenerRows(dump, ownWorkload(call, dump), {
        port: countOption(call, 'port'),
        address: textOption(call, 'address'),
      }),
  },
  route: {
    heading: ROUTE_HEADING,
    part: 'routes',
    rows: (call, dump) => routeRows(dump, { name: textOption(call, 'name') }),
  },
  endpoint: {
    heading: ENDPOINT_HEADING,
    part: 'workloads',
    rows: (call, dump) =>
      endpointRows(dump, {
        address: textOption(call, 'address'),
        port: countOption(call, 'port'),
        cluster: textOption(call, 'cluster'),
        status: textOption(call, 'status'),
      }),
  },
}

/** istioctl's short words. */
const ALIASES: Readonly<Record<string, string>> = {
  c: 'cluster',
  clusters: 'cluster',
  l: 'listener',
  listeners: 'listener',
  r: 'route',
  routes: 'route',
  ep: 'endpoint',
  endpoints: 'endpoint',
  eds: 'endpoint',
  s: 'secret',
  b: 'bootstrap',
  a: 'all',
  o: 'log',
}

/** What a proxy works with, in istioctl's columns. */
export async function run(call: CommandCall): Promise<void> {
  const [word = ''] = call.positional
  const name = ALIASES[word] ?? word
  const section = Object.hasOwn(SECTIONS, name) ? SECTIONS[name] : undefined
  if (section !== undefined) return show(call, [section])
  switch (name) {
    case 'all':
      return show(call, Object.values(SECTIONS))
    case 'secret':
      return showSecrets(call)
    case 'bootstrap':
      return print(call, JSON.parse(await askAdmin(call, podOf(call), '/server_info')), 'json')
    case 'log':
      return showLevels(call)
    default: {
      const known = [...Object.keys(SECTIONS), 'secret', 'bootstrap', 'log', 'all'].join(', ')
      throw new CliError(`proxy-config ${word} is not known; there are ${known}`, ExitCode.usage)
    }
  }
}

async function show(call: CommandCall, sections: readonly Section[]): Promise<void> {
  const dump = await dumpOf(call)
  const format = formatOf(call)
  if (format !== 'short') {
    const parts = sections.map(({ part }) => [part, dump[part]] as const)
    return print(call, parts.length === 1 ? parts[0]?.[1] : Object.fromEntries(parts), format)
  }
  const tables = sections.map(({ heading, rows }) => textTable([heading, ...rows(call, dump)]))
  process.stdout.write(tables.join('\n'))
}

async function dumpOf(call: CommandCall): Promise<ProxyDump> {
  const file = textOption(call, 'file')
  try {
    return parseDump(
      file === undefined ? await askAdmin(call, podOf(call), '/config_dump') : await readFile(file, 'utf8'),
    )
  } catch (error) {
    if (error instanceof CliError) throw error
    throw new CliError(`the configuration dump cannot be read: ${messageOf(error)}`, ExitCode.data)
  }
}

function podOf(call: CommandCall): string {
  const [, pod] = call.positional
  if (pod === undefined) throw new CliError('name a pod, or a configuration dump with --file', ExitCode.usage)
  return pod
}

/** A sidecar knows the pod that it stands before by its name. */
function ownWorkload(call: CommandCall, { workloads, listeners }: ProxyDump): Workload | undefined {
  const [pod = '', ofNamespace] = (call.positional[1] ?? '').replace(/^pods?\//, '').split('.', 2)
  const namespace = textOption(call, 'namespace') ?? ofNamespace
  if (listeners.length > 0) return undefined
  return workloads.find(
    (one) => one.name === pod && one.origin.kind === 'Pod' && (namespace ?? one.namespace) === one.namespace,
  )
}

async function showSecrets(call: CommandCall): Promise<void> {
  const page = await askAdmin(call, podOf(call), '/certs')
  const format = formatOf(call)
  if (format !== 'short') return print(call, JSON.parse(page), format)
  process.stdout.write(textTable([SECRET_HEADING, ...secretRows(page, systemClock.now())]))
}

/** @see istioctl proxy-config log: `--level` changes what is shown without it */
async function showLevels(call: CommandCall): Promise<void> {
  const level = textOption(call, 'level')
  const wanted = call.options['reset'] === true ? 'warning' : level
  const query = wanted === undefined ? '' : `?level=${encodeURIComponent(wanted.split(':').at(-1) ?? '')}`
  process.stdout.write(await askAdmin(call, podOf(call), `/logging${query}`, 'POST'))
}

type Format = 'short' | 'json' | 'yaml'

function formatOf(call: CommandCall): Format {
  const format = textOption(call, 'output') ?? 'short'
  if (format === 'short' || format === 'json' || format === 'yaml') return format
  throw new CliError(`--output is short, json or yaml, not ${format}`, ExitCode.usage)
}

function print(call: CommandCall, value: unknown, fallback: Format): void {
  const format = textOption(call, 'output') === undefined ? fallback : formatOf(call)
  console.log(format === 'yaml' ? stringify(value).trimEnd() : JSON.stringify(value, undefined, 2))
}
