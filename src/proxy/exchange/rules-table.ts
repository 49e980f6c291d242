import type { Mesh, TrafficSide } from '../../model/index.ts'
import type { HttpBoundsTable } from '../config/http-bounds.ts'
import { type HttpRules, type HttpSettings, type ProxyRole, rulesOf } from './rules.ts'

/** The rules of each side, and of single ports where these have bounds of their own; they change in place. */
export interface RulesTable {
  readonly of: (role: ProxyRole, port: number) => HttpRules
  /** The mesh's settings, or bounds, have changed. */
  readonly follow: (mesh: Mesh | undefined) => void
}

interface Entry {
  readonly role: ProxyRole
  readonly port: number
  readonly rules: HttpRules
}

/** No port: that of all that have no bounds of their own. */
const ANY_PORT = 0

export function createRulesTable(options: {
  readonly settings: HttpSettings
  readonly bounds: () => HttpBoundsTable
  /** Behind a port of a gateway: Istio's users name listeners by either. */
  readonly targetPort: (port: number) => number
}): RulesTable {
  const { settings, bounds } = options
  const entries = new Map<string, Entry>()
  let current: Mesh | undefined

  function update({ role, port, rules }: Entry): void {
    rules.normalization = current?.pathNormalization ?? 'base'
    rules.acceptsHttp10 = rules.acceptHttp10 || current?.acceptsHttp10 === true
    const ports = role === 'gateway' ? [port, options.targetPort(port)] : [port]
    Object.assign(rules, bounds().ofRequests(role satisfies TrafficSide, ports, settings))
  }

  return {
    of(role, port) {
      // A gateway asks once for each of its few ports; a sidecar for each connection, to whichever port it goes.
      const own = role === 'gateway' || bounds().namesPort(role, port) ? port : ANY_PORT
      const id = `${role} ${own}`
      let entry = entries.get(id)
      if (entry === undefined) {
        entry = { role, port: own, rules: rulesOf(role, settings) }
        update(entry)
        entries.set(id, entry)
      }
      return entry.rules
    },
    follow(mesh) {
      current = mesh
      for (const entry of entries.values()) update(entry)
    },
  }
}
