import type { KubeObject } from '../../../kube/index.ts'
import { type Analyzer, fullName } from '../context.ts'
import { createMessage } from '../messages.ts'
import { labelsAt, listAt, numberAt, textAt, textsAt } from '../read.ts'

/** Ports whose connections name no host, of entries that no address stands for (IST0134). */
export const entryAddresses: Analyzer = {
  name: 'serviceentry.Analyzer',
  analyze: (context) =>
    context.of('serviceEntry').flatMap((object) => {
      if (hasAddress(object)) return []
      return listAt(object, 'spec', 'ports')
        .filter((port) => (textAt(port, 'protocol') ?? 'TCP').toUpperCase() === 'TCP')
        .map(() => createMessage('IST0134', object))
    }),
}

/** One that is written down, or that the mesh allocates. */
function hasAddress(object: KubeObject): boolean {
  if (listAt(object, 'spec', 'addresses').length > 0 || listAt(object, 'status', 'addresses').length > 0)
    return true
  if ((textAt(object, 'spec', 'resolution') ?? 'NONE') === 'NONE') return false
  const wish = labelsAt(object, 'metadata', 'labels')['networking.istio.io/enable-autoallocate-ip']
  if (wish?.toLowerCase() === 'false') return false
  return textsAt(object, 'spec', 'hosts').some((host) => !host.startsWith('*'))
}

/** Entries that say different things of one port of one host (IST0177). */
export const entryProtocols: Analyzer = {
  name: 'serviceentry.ConflictingProtocolAnalyzer',
  analyze(context) {
    const claims = context.of('serviceEntry').flatMap((object) =>
      textsAt(object, 'spec', 'hosts').flatMap((host) =>
        listAt(object, 'spec', 'ports').map((port) => ({
          object,
          host: host.toLowerCase(),
          number: numberAt(port, 'number') ?? 0,
          protocol: (textAt(port, 'protocol') ?? 'TCP').toUpperCase(),
        })),
      ),
    )
    const groups = Map.groupBy(claims, ({ host, number }) => `${host} ${number}`)
    return [...groups.values()].flatMap((group) => {
      const [first] = group
      const protocols = [...new Set(group.map(({ protocol }) => protocol))].sort()
      if (first === undefined || protocols.length < 2) return []
      const names = [...new Set(group.map(({ object }) => fullName(object)))].sort().join(', ')
      const objects = [...new Set(group.map(({ object }) => object))]
      return objects.map((object) =>
        createMessage('IST0177', object, names, first.host, String(first.number), protocols.join(', ')),
      )
    })
  },
}
