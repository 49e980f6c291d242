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

export function createRulesTable(settings: HttpSettings, bounds: () => HttpBoundsTable): RulesTable {
  const entries = new Map<string, Entry>()
  let current: Mesh | undefined

  function update({ role, port, rules }: Entry): void {
    rules.normalization = current?.pathNormalization ?? 'base'
    rules.acceptsHttp10 = rules.acceptHttp10 || current?.acceptsHttp10 === true
    Object.assign(rules, bounds().ofRequests(role satisfies TrafficSide, port, settings))
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
