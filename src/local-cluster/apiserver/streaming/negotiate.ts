import type { ApiRequest } from '../request.ts'
import { badRequest, failure } from '../status-error.ts'
import { offeredProtocols } from './websocket.ts'

/** What carries the streams, and in which version they speak. */
export interface Carrier {
  readonly kind: 'websocket' | 'spdy'
  readonly protocol: string
}

/**
 * Chooses by the request's headers.
 * @throws StatusError: 400 for a request that asks for no upgrade, 403 where client and server share no protocol
 */
export function negotiateCarrier(
  request: ApiRequest,
  known: { readonly websocket: readonly string[]; readonly spdy: readonly string[] },
): Carrier {
  const upgrade = request.header('upgrade')?.toLowerCase()
  switch (upgrade) {
    case 'websocket':
      return {
        kind: 'websocket',
        protocol: choose(request.header('sec-websocket-protocol'), known.websocket),
      }
    case 'spdy/3.1':
      return { kind: 'spdy', protocol: choose(request.header('x-stream-protocol-version'), known.spdy) }
    case undefined:
      throw badRequest('Upgrade request required')
    default:
      throw badRequest(`unable to upgrade: unsupported protocol ${JSON.stringify(upgrade)}`)
  }
}

function choose(header: string | undefined, known: readonly string[]): string {
  const offered = offeredProtocols(header)
  const chosen = known.find((protocol) => offered.includes(protocol))
  if (chosen !== undefined) return chosen
  throw failure(
    403,
    'Forbidden',
    `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${known.join(' ')}]`,
  )
}
