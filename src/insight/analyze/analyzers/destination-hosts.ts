import { type AnalysisContext, type Analyzer, fullName, namespaceOf } from '../context.ts'
import type { KubeObject } from '../../../kube/index.ts'
import { type HostMap, collectHosts, destinationsOf, findHost } from '../hosts.ts'
import { type Message, createMessage, goList } from '../messages.ts'
import { listAt, textAt, textsAt } from '../read.ts'

/** Destinations that lead nowhere, or to one of several ports without saying which (IST0101, IST0112, IST0140). */
export const destinationHosts: Analyzer = {
  name: 'virtualservice.DestinationHostAnalyzer',
  analyze(context) {
    const hosts = collectHosts(context)
    return context
      .of('virtualService')
      .flatMap((object) => [...checkDestinations(object, hosts), ...checkIngressSubsets(object, context)])
  },
}

function checkDestinations(object: KubeObject, hosts: HostMap): readonly Message[] {
  const from = { namespace: namespaceOf(object), exportTo: textsAt(object, 'spec', 'exportTo') }
  return destinationsOf(object).flatMap(({ host, port, mirror }) => {
    const known = findHost(hosts, host, from)
    if (known === undefined) return [createMessage('IST0101', object, mirror ? 'mirror host' : 'host', host)]
    if (port === undefined) {
      return known.ports.length > 1 ? [createMessage('IST0112', object, host, goList(known.ports))] : []
    }
    return known.ports.includes(port)
      ? []
      : [createMessage('IST0101', object, 'host:port', `${host}:${port}`)]
  })
}

/** A gateway's rule to a bare host goes round the subsets that another VirtualService of that host sets up for the mesh. */
function checkIngressSubsets(object: KubeObject, context: AnalysisContext): readonly Message[] {
  if (textsAt(object, 'spec', 'gateways').length === 0) return []
  const bare = httpDestinations(object).filter((one) => one.subset === undefined)
  return bare.flatMap(({ host }) =>
    context
      .of('virtualService')
      .filter((other) => textsAt(other, 'spec', 'hosts').includes(host))
      .filter((other) => httpDestinations(other).some((one) => one.host === host && one.subset !== undefined))
      .map((other) => createMessage('IST0140', object, fullName(other), fullName(object))),
  )
}

function httpDestinations(
  object: KubeObject,
): readonly { readonly host: string; readonly subset: string | undefined }[] {
  return listAt(object, 'spec', 'http')
    .flatMap((rule) => listAt(rule, 'route'))
    .map((route) => ({
      host: textAt(route, 'destination', 'host') ?? '',
      subset: textAt(route, 'destination', 'subset'),
    }))
}
