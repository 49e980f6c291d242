import type { ConnectionFacts } from '../../policy/index.ts'
import type { Exchange } from './types.ts'

/** What policies see of the connection that a request came on. */
export function connectionFactsOf({ context, stream }: Exchange): ConnectionFacts {
  return {
    ...(context.peer !== undefined && { peer: context.peer }),
    ...(context.serverName !== undefined && { serverName: context.serverName }),
    sourceAddress: stream.remoteAddress,
    sourcePort: stream.remotePort,
    destinationAddress: context.original?.address ?? stream.localAddress,
    destinationPort: context.port,
  }
}

/**
 * The client as proxies that are believed have seen it. At the edge it is who has connected, or whom proxies before it
 * name; in front of a workload whom the last proxy has named. @see Envoy, use_remote_address, as Istio sets it
 */
export function clientAddressOf(this: Exchange): string {
  const { context, stream, trustedAddress } = this
  if (context.role === 'gateway') return trustedAddress ?? stream.remoteAddress
  const forwarded = this.header('x-forwarded-for')
  const last = forwarded?.slice(forwarded.lastIndexOf(',') + 1).trim() ?? ''
  return last === '' ? stream.remoteAddress : last
}
