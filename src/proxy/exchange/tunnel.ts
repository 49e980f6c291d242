import { createHash, randomBytes } from 'node:crypto'
import { dropField, fieldValue, type HeadBlock } from '../http1/head-block.ts'
import { hashName } from '../http1/known-fields.ts'
import type { Exchange } from './types.ts'

/** Whether this answer turns the request into a tunnel: 101 to an upgrade, any 2xx to CONNECT (RFC 9110, 9.3.6). */
export function opensTunnel({ upgrade }: Exchange, status: number): boolean {
  return status === 101 || (upgrade === 'connect' && isSuccess(status))
}

/**
 * A server of HTTP/1.1 that ignores the upgrade answers like to any GET. To a client of HTTP/2 its 200 would say that
 * the tunnel is there (RFC 8441, 5).
 */
export function isFalseConsent({ upgrade, protocol }: Exchange, status: number): boolean {
  return protocol === 'HTTP/2' && upgrade === 'websocket' && isSuccess(status)
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300
}

/**
 * HTTP/2 has no use for the proof that the server has read the key, HTTP/1.1 cannot do without: where the two versions
 * meet it is made here, or taken away.
 */
export function acceptLine(exchange: Exchange, block: HeadBlock): string {
  if (exchange.protocol === 'HTTP/2') {
    dropField(block, ACCEPT, hashName(ACCEPT))
    return ''
  }
  if (fieldValue(block, ACCEPT) !== undefined) return ''
  const key = fieldValue(exchange.head, KEY)
  return key === undefined ? '' : `${ACCEPT}: ${acceptFor(key)}\r\n`
}

/** A request that came without the key that servers of HTTP/1.1 insist on gets one. */
export function keyLine(head: HeadBlock): string {
  return fieldValue(head, KEY) === undefined ? `${KEY}: ${randomBytes(16).toString('base64')}\r\n` : ''
}

const KEY = 'sec-websocket-key'
const ACCEPT = 'sec-websocket-accept'

/** @see RFC 6455, 4.2.2 */
function acceptFor(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}
