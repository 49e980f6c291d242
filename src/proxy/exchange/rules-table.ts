import type { Mesh, TrafficSide, Workload } from '../../model/index.ts'
import type { HttpBoundsTable } from '../config/http-bounds.ts'
import { type HttpRules, type HttpSettings, type ProxyRole, rulesOf } from './rules.ts'

/** The rules of each side and port; they change in place. */
export interface RulesTable {
  readonly of: (role: ProxyRole, port: number) => HttpRules
  /** The mesh's settings, the proxy's own workload, or bounds may have changed. */
  readonly follow: (mesh: Mesh | undefined, own: Workload | undefined) => void
}

interface Entry {
  readonly role: ProxyRole
  readonly port: number
  readonly rules: HttpRules
}

/** No port: that of all beyond so many. */
const ANY_PORT = 0
const PORTS_MAX = 256

export function createRulesTable(options: {
  readonly settings: HttpSettings
  readonly bounds: () => HttpBoundsTable
  /** Behind a port of a gateway: Istio's users name listeners by either. */
  readonly targetPort: (port: number) => number
}): RulesTable {
  const { settings, bounds } = options
  const entries = new Map<string, Entry>()
  let current: Mesh | undefined
  let workload: Workload | undefined
  let version = bounds().version()

  function update({ role, port, rules }: Entry): void {
    rules.normalization = current?.pathNormalization ?? 'base'
    rules.acceptsHttp10 = rules.acceptHttp10 || current?.acceptsHttp10 === true
    const ports = role === 'gateway' ? [port, options.targetPort(port)] : [port]
    Object.assign(rules, bounds().ofRequests(role satisfies TrafficSide, ports, settings))
  }

  return {
    of(role, port) {
      // Each port has its own from the first: connections that there are follow bounds that come later.
      const mayBeOwn = entries.size < PORTS_MAX || bounds().namesPort(role, port)
      const own = mayBeOwn || entries.has(`${role} ${port}`) ? port : ANY_PORT
      const id = `${role} ${own}`
      let entry = entries.get(id)
      if (entry === undefined) {
        entry = { role, port: own, rules: rulesOf(role, settings) }
        update(entry)
        entries.set(id, entry)
      }
      return entry.rules
    },
    follow(mesh, own) {
      if (mesh === current && own === workload && version === bounds().version()) return
      current = mesh
      workload = own
      version = bounds().version()
      for (const entry of entries.values()) update(entry)
    },
  }
}
