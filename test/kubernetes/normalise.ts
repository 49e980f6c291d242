import type { Normaliser } from './table.ts'

/** What differs between two servers by nature, in any kind of output. Applied to every answer, in this order. */
const EVERYWHERE: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '<uid>'],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g, '<time>'],
  [/\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g, '<time>'],
  [/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} UTC/g, '<time>'],
  [/\bX509SHA256=[0-9a-f]{64}/g, 'X509SHA256=<digest>'],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]+/g, '<token>'],
  [/("?resourceVersion"?: ?)"\d+"/g, '$1"<version>"'],
  [/(\\+"resourceVersion\\+":\\+")\d+/g, '$1<version>'],
  [/\b(in record \(|in object meta: |to be 1, was )\d+/g, '$1<version>'],
  [/\bkube-api-access-\w{5}\b/g, 'kube-api-access-<any>'],
  [/^((?:---|\+\+\+) \S+)\t.*$/gm, '$1'], // times of the files that diff compares
  [/(Resource Version:\s+)\d+/g, '$1<version>'],
  [/("continue": ?)"[^"]+"/g, '$1"<continue>"'],
  [/\b127\.0\.0\.[12]:\d+/g, '<server>'],
  [/\b10\.43\.\d+\.\d+\b(?!\/)/g, '<clusterIP>'],
  [/("?[nN]odePort"?: ?)3[0-2]\d{3}\b/g, '$1<nodePort>'],
  [/(NodePort:\s+\S+\s+)3[0-2]\d{3}\b/g, '$1<nodePort>'],
  [/\b(\d+:)3[0-2]\d{3}(\/(?:TCP|UDP|SCTP))/g, '$1<nodePort>$2'],
  [/\/tmp\/(?:kubectl-edit-|LIVE-|MERGED-)[a-z0-9]+(\.yaml)?/g, '<file>'],
  [/\b[EWI]\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ (\w+\.go):\d+\]/g, '<log $1>'],
  [/^<log reflector\.go>.*\n?/gm, ''], // how a watch was ended by its client is a matter of chance
  [/(?<=\S {2,})(?:\d+[smhd])+(?= {2,}|$| ago)/gm, '<age>'],
  [/(?<=\S {2,})<invalid>(?= {2,}|$)/gm, '<age>'], // a clock that is a moment ahead
  [/\((?:x\d+ over )?(?:\d+[smhd])+ ago\)/g, '(<age> ago)'],
  [/(?<=\S) {2,}(?=\S)/g, '  '], // columns are as wide as their widest text
  [/ +$/gm, ''],
]

export function normaliseAll(text: string, more: readonly Normaliser[]): string {
  const plain = EVERYWHERE.reduce((so, [pattern, instead]) => so.replace(pattern, instead), text)
  return more.reduce((so, normalise) => normalise(so), plain)
}

/** JSON, or lines of JSON, with members in the order of their names: that order has no meaning. */
export function sortedJson(text: string): string {
  const trimmed = text.trim()
  if (trimmed === '') return ''
  const whole = parse(trimmed)
  if (whole !== undefined) return JSON.stringify(sorted(whole), undefined, 1)
  const lines = trimmed.split('\n').map(parse)
  if (lines.includes(undefined)) return text
  return lines.map((line) => JSON.stringify(sorted(line), undefined, 1)).join('\n')
}

/** For lists whose order the servers are free to choose. */
export const sortedLines: Normaliser = (text) => text.split('\n').sort().join('\n')

/** `explain` without prose: names and types are compared, descriptions are each server's own words. */
export const withoutProse: Normaliser = (text) =>
  text
    .split('\n')
    .filter((line) => /^(?:GROUP|KIND|VERSION|FIELDS?|FIELD):|^\s*\w+\t<|^error|^Error/.test(line))
    .join('\n')

/** Only lines that match. */
export const only =
  (pattern: RegExp): Normaliser =>
  (text) =>
    text
      .split('\n')
      .filter((line) => pattern.test(line))
      .join('\n')

/** Names made by the server end in five characters of its choice. */
export const generatedNames: Normaliser = (text) =>
  text.replaceAll(/-[bcdfghjklmnpqrstvwxz2456789]{5}\b/g, '-<any>')

export const replacing =
  (pattern: RegExp, instead: string): Normaliser =>
  (text) =>
    text.replaceAll(pattern, instead)

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // not JSON: compared as it is
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  )
}
