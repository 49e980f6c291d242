import { HOST_BYTE } from './characters.ts'
import { hasField, type HeadBlock, isRepeated, knownValue } from './head-block.ts'
import { textOf } from './latin1.ts'
import { FIELD } from './known-fields.ts'

/** Method, authority and path of a request, whatever the form of its target. */
export interface RequestTarget {
  method: string
  /** As the client wrote it, lower case. */
  authority: string
  /** Path and query; the authority for CONNECT; `*` for OPTIONS. */
  path: string
}

/**
 * Reads the target and the Host rules (RFC 9112 sections 3.2 and 3.3).
 * @returns undefined, or what is wrong
 */
export function readTarget(block: HeadBlock, target: RequestTarget): string | undefined {
  const { bytes, base } = block
  target.method = methodText(bytes, base, block.firstEnd)
  const text = textOf(bytes, base + block.firstEnd + 1, base + block.secondEnd)
  if (isRepeated(block, FIELD.host)) return 'http1.multiple_host_headers'
  const host = hasField(block, FIELD.host) ? (knownValue(block, FIELD.host) as string) : undefined
  if (host === undefined && block.minor === 1) return 'missing_host_header'
  if (host !== undefined && !isAuthority(host)) return 'http1.invalid_host'
  target.authority = host === undefined ? '' : lowerCase(host)
  target.path = text
  if (text.charCodeAt(0) === SLASH) return target.method === 'CONNECT' ? 'http1.invalid_url' : undefined
  if (text === '*') return target.method === 'OPTIONS' ? undefined : 'http1.invalid_url'
  return target.method === 'CONNECT' ? readAuthorityForm(text, target) : readAbsoluteForm(text, target)
}

const SLASH = 47

/** Without making text for the methods that everyone uses. */
function methodText(bytes: Buffer, start: number, length: number): string {
  const first = bytes[start]
  const second = bytes[start + 1]
  if (length === 3 && first === 71 && second === 69 && bytes[start + 2] === 84) return 'GET'
  return textOf(bytes, start, start + length)
}

function lowerCase(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 65 && code <= 90) return text.toLowerCase()
  }
  return text
}

function readAuthorityForm(text: string, target: RequestTarget): string | undefined {
  if (!isAuthority(text) || !text.includes(':')) return 'http1.invalid_url'
  const authority = lowerCase(text)
  if (target.authority !== authority && target.authority !== withoutPort(authority))
    return 'http1.host_disagrees_with_target'
  target.authority = authority
  return undefined
}

function readAbsoluteForm(text: string, target: RequestTarget): string | undefined {
  const match = /^https?:\/\/([^/?]+)(.*)$/i.exec(text)
  if (!match) return 'http1.invalid_url'
  const authority = lowerCase(match[1] as string)
  if (!isAuthority(authority)) return 'http1.invalid_url'
  if (target.authority !== '' && target.authority !== authority) return 'http1.host_disagrees_with_target'
  const rest = match[2] as string
  target.authority = authority
  target.path = rest.startsWith('/') ? rest : `/${rest}`
  return undefined
}

function withoutPort(authority: string): string {
  return authority.slice(0, authority.lastIndexOf(':'))
}

/** `uri-host [ ":" port ]` with a name, an IPv4 address or a bracketed IPv6 address; no user information. */
export function isAuthority(text: string): boolean {
  let i = 0
  if (text.charCodeAt(0) === 91) {
    i = text.indexOf(']') + 1
    if (i < 4 || !/^[0-9a-f:.]+$/i.test(text.slice(1, i - 1))) return false
  } else {
    while (i < text.length && HOST_BYTE[text.charCodeAt(i)] === 1) i++
    if (i === 0) return false
  }
  if (i === text.length) return true
  if (text.charCodeAt(i) !== 58) return false
  return /^\d{1,5}$/.test(text.slice(i + 1)) && Number(text.slice(i + 1)) <= 65535
}
