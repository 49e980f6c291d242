import type { Listener, Route, Service, Workload } from '../../model/index.ts'

/** What a proxy works with, as its configuration dump has it. */
export interface ProxyDump {
  readonly listeners: readonly Listener[]
  readonly routes: readonly Route[]
  readonly services: readonly Service[]
  readonly workloads: readonly Workload[]
  /** Those that have been used. */
  readonly clusters: readonly ClusterStatus[]
}

export interface ClusterStatus {
  readonly name: string
  readonly host_statuses: readonly {
    readonly address: { readonly socket_address: { readonly address: string; readonly port_value: number } }
    readonly health_status: Readonly<Record<string, unknown>>
  }[]
}

const SECTIONS = ['listeners', 'routes', 'services', 'workloads', 'clusters'] as const

/** @throws Error when it is no dump of a proxy of this mesh */
export function parseDump(text: string): ProxyDump {
  const parsed: unknown = JSON.parse(text)
  const configs =
    isRecord(parsed) && Array.isArray(parsed['configs']) ? parsed['configs'].filter(isRecord) : []
  const entries = SECTIONS.map((name) => {
    const section = configs.find((one) => Object.hasOwn(one, name))?.[name]
    if (!Array.isArray(section)) throw new Error(`it has no ${name}; is it a dump of a proxy of this mesh?`)
    return [name, section] as const
  })
  return Object.fromEntries(entries) as unknown as ProxyDump
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
