import { textTable } from './text-table.ts'

type Members = Readonly<Record<string, unknown>>

/** In the order in which they decide, as istioctl names them. */
const ACTIONS = ['CUSTOM', 'DENY', 'ALLOW', 'LOG'] as const

const NAMES: Readonly<Record<string, (typeof ACTIONS)[number]>> = {
  custom: 'CUSTOM',
  deny: 'DENY',
  allow: 'ALLOW',
  audit: 'LOG',
}

interface Row {
  readonly action: string
  readonly name: string
  readonly rules: number
}

/**
 * The policies in a proxy's configuration dump in istioctl's columns.
 * @throws Error when it is none
 * @see Istio, istioctl/pkg/authz/listener.go
 */
export function authorizationTable(dump: string): string {
  const parsed: unknown = JSON.parse(dump)
  const sections = recordsOf(isRecord(parsed) ? parsed['configs'] : undefined)
  const section = sections.find((one) => Object.hasOwn(one, 'authorizationPolicies'))
  if (section === undefined) throw new Error('it has no authorization policies; is it a dump of this proxy?')
  const rows = recordsOf(section['authorizationPolicies'])
    .map(rowOf)
    .toSorted((a, b) => orderOf(a.action) - orderOf(b.action) || (a.name < b.name ? -1 : 1))
  return textTable([['ACTION', 'AuthorizationPolicy', 'RULES'], ...rows.map(cellsOf)])
}

function orderOf(action: string): number {
  return ACTIONS.findIndex((one) => one === action)
}

/** A policy for several targets is several objects, of which a proxy has one. */
function rowOf(policy: Members): Row {
  const origin = isRecord(policy['origin']) ? policy['origin'] : {}
  const action = isRecord(policy['action']) ? policy['action'] : {}
  const name = `${String(origin['name'])}.${String(origin['namespace'])}`
  return {
    action: NAMES[String(action['kind'])] ?? String(action['kind']),
    name: policy['isDryRun'] === true ? `${name} (dry run)` : name,
    rules: recordsOf(policy['rules']).length,
  }
}

function cellsOf({ action, name, rules }: Row): readonly string[] {
  return [action, name, String(rules)]
}

function isRecord(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function recordsOf(value: unknown): readonly Members[] {
  return Array.isArray(value) ? value.filter(isRecord) : []
}
