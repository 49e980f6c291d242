import type { ListenerName } from '../../../model/index.ts'
import { coveringPatterns } from '../names.ts'
import type { JudgedListener, TlsOverlap } from './listener-state.ts'

const CONSEQUENCE =
  'a client may send requests for one over a connection that it made for the other, which are answered with 421'

/** Gateway API, OverlappingTLSConfig: of listeners of one port whose host names, or whose certificates, have names in common. */
export function overlapsOf(listeners: readonly JudgedListener[]): ReadonlyMap<ListenerName, TlsOverlap> {
  const overlaps = new Map<ListenerName, TlsOverlap>()
  const secured = listeners.filter(({ protocol, tls }) => protocol === 'HTTPS' && tls !== undefined)
  for (const [port, group] of Map.groupBy(secured, (listener) => listener.port)) {
    if (group.length < 2) continue
    for (const key of sharing(group, ({ hostname }) => [hostname ?? '*'], coveringPatterns)) {
      const message = `Another listener of port ${port} has host names in common with this one: ${CONSEQUENCE}`
      overlaps.set(key, { reason: 'OverlappingHostnames', message })
    }
    for (const key of sharing(group, ({ certificateNames }) => certificateNames, certifiedBy)) {
      const message = `The certificates of another listener of port ${port} have names in common with those of this one: ${CONSEQUENCE}`
      overlaps.set(key, { reason: 'OverlappingCertificates', message })
    }
  }
  return overlaps
}

/** A wildcard in a certificate stands for one label (RFC 9525). */
function certifiedBy(name: string): readonly string[] {
  const labels = name.split('.').length
  return coveringPatterns(name).filter((pattern) => pattern.split('.').length === labels)
}

/** Those that have a name which a name of another covers, and those others. */
function sharing(
  listeners: readonly JudgedListener[],
  namesOf: (listener: JudgedListener) => readonly string[],
  patternsOf: (name: string) => readonly string[],
): ReadonlySet<ListenerName> {
  const holders = new Map<string, ListenerName[]>()
  for (const listener of listeners) {
    for (const name of namesOf(listener)) {
      const others = holders.get(name)
      if (others === undefined) holders.set(name, [listener.key])
      else others.push(listener.key)
    }
  }
  const found = new Set<ListenerName>()
  for (const listener of listeners) {
    for (const pattern of namesOf(listener).flatMap(patternsOf)) {
      const others = (holders.get(pattern) ?? []).filter((key) => key !== listener.key)
      if (others.length === 0) continue
      found.add(listener.key)
      for (const key of others) found.add(key)
    }
  }
  return found
}
