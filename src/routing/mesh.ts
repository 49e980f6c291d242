import type { Service } from '../model/index.ts'
import type { RouteTable } from './route-table.ts'

/** The one port on which rules for a host that is no service hold (Istio: its outbound listener of port 80). */
const PLAIN_HTTP_PORT = 80

/**
 * Under which domain a sidecar asks the mesh's routes for a request; undefined: no rule is for it, so that it goes to
 * the service that was meant, or to the address that was dialled.
 * @param service the service that the request's host names, as the client may write it
 */
export function meshDomain(
  table: RouteTable,
  request: { readonly host: string; readonly port: number },
  service: Service | undefined,
): string | undefined {
  const isServed = service?.ports.some((port) => port.port === request.port) === true
  const domain = isServed ? service.hostname : request.host
  return (isServed || request.port === PLAIN_HTTP_PORT) && table.hasHost(domain) ? domain : undefined
}
