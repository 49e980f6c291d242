import type { JudgedListener, ListenerFault } from './listener-state.ts'

/**
 * Gateway API, distinct listeners: those of one object that cannot be told apart are none of them accepted; between
 * objects the one that goes before wins (the Gateway, then its ListenerSets by age and name).
 * @param groups the listeners of each object, in that order
 */
export function withoutConflicts(
  groups: readonly (readonly JudgedListener[])[],
): readonly (readonly JudgedListener[])[] {
  const accepted = new Map<string, JudgedListener[]>()
  const portOf = (listener: JudgedListener) => accepted.get(portKey(listener)) ?? []
  return groups.map((group) => {
    const againstEarlier = group.map((listener) =>
      listener.fault?.kind === 'unsupported-protocol'
        ? listener
        : withFault(listener, conflictWith(listener, portOf(listener))),
    )
    const left = Map.groupBy(againstEarlier.filter(isStanding), portKey)
    const judged = againstEarlier.map((listener) => {
      if (!isStanding(listener)) return listener
      const others = (left.get(portKey(listener)) ?? []).filter((other) => other !== listener)
      return withFault(listener, conflictWith(listener, others))
    })
    for (const listener of judged.filter(isStanding)) {
      const others = accepted.get(portKey(listener))
      if (others === undefined) accepted.set(portKey(listener), [listener])
      else others.push(listener)
    }
    return judged
  })
}

/** Whether it takes its place on its port; what it lacks to serve may come any moment. */
function isStanding({ fault }: JudgedListener): boolean {
  return fault === undefined || fault.kind === 'no-valid-ca-certificate'
}

/** A conflict is said first. */
function withFault(listener: JudgedListener, conflict: ListenerFault | undefined): JudgedListener {
  return conflict === undefined ? listener : { ...listener, fault: conflict }
}

/** Ports of UDP and of TCP are different ports. */
function portKey({ port, protocol }: JudgedListener): string {
  return protocol === 'UDP' ? `UDP ${port}` : `TCP ${port}`
}

/** What tells connections of a port apart: the host that requests name, or the server name that TLS begins with. */
function distinction(protocol: string): 'host' | 'server name' | undefined {
  if (protocol === 'HTTP') return 'host'
  return protocol === 'HTTPS' || protocol === 'TLS' ? 'server name' : undefined
}

function conflictWith(
  listener: JudgedListener,
  others: readonly JudgedListener[],
): ListenerFault | undefined {
  const { port, protocol, hostname } = listener
  const own = distinction(protocol)
  const stranger = others.find((other) => distinction(other.protocol) !== own)
  if (stranger !== undefined) {
    const message = `Port ${port} is also asked for by ${describe(stranger, listener)} with protocol ${stranger.protocol}, which cannot be served beside ${protocol}; use another port`
    return { kind: 'protocol-conflict', message }
  }
  const [first] = others
  if (first !== undefined && own === undefined) {
    const message = `Port ${port} is also asked for by ${describe(first, listener)}, and ${protocol} has nothing to tell them apart by; use another port`
    return { kind: 'protocol-conflict', message }
  }
  const twin = others.find((other) => other.hostname === hostname)
  if (twin === undefined) return undefined
  const message = `${hostname === undefined ? 'Every host name' : `Host name ${hostname}`} on port ${port} is also asked for by ${describe(twin, listener)}; use another host name or port`
  return { kind: twin.protocol === protocol ? 'hostname-conflict' : 'protocol-conflict', message }
}

/** Gateway API, ListenerSetSpec: of siblings as little as possible is told. */
function describe({ name, owner }: JudgedListener, { owner: asking }: JudgedListener): string {
  if (owner.kind === 'Gateway') return `listener ${name} of the Gateway`
  const isOwn = owner.namespace === asking.namespace && owner.name === asking.name
  return isOwn ? `listener ${name}` : 'an older ListenerSet'
}
