import type { Collection, Graph } from '../../base/index.ts'
import { RESOURCE_KINDS } from '../resources/index.ts'
import { allocateAddresses, allocatedHosts, type EntryAddress } from './istio-api/entry-address.ts'
import { namespaceOf } from './names.ts'
import type { Sources } from './sources.ts'
import type { StatusUpdate } from './status.ts'

/** The addresses of hosts that have none of their own, by `<namespace>/<host>`. */
export function createEntryAddresses(graph: Graph, sources: Sources): Collection<EntryAddress> {
  const constant = graph.source<true>('all entries')
  constant.set('all', true)
  return graph.derive({
    name: 'entry addresses',
    input: constant,
    transform: (_all, read) => allocateAddresses(read.list(sources.serviceEntries)),
  })
}

/** They stand in the entries' status, where users and name servers look, and where the next control plane finds them. */
export function entryAddressStatuses(
  graph: Graph,
  sources: Sources,
  addresses: Collection<EntryAddress>,
): Collection<StatusUpdate> {
  return graph.derive({
    name: 'service entry statuses',
    input: sources.serviceEntries,
    transform(entry, read) {
      const namespace = namespaceOf(entry)
      const { name, generation = 0 } = entry.metadata
      const found = allocatedHosts(entry).flatMap((host) => {
        const address = read.get(addresses, `${namespace}/${host}`)
        return address === undefined
          ? []
          : [
              { host, value: address.ipv4 },
              { host, value: address.ipv6 },
            ]
      })
      if (found.length === 0 && entry.status?.addresses === undefined) return []
      const { serviceEntry: kind } = RESOURCE_KINDS
      return [
        {
          key: `${kind.kind}/${namespace}/${name}`,
          kind,
          namespace,
          name,
          observedGeneration: generation,
          status: { addresses: found.length === 0 ? undefined : found },
        },
      ]
    },
  })
}
