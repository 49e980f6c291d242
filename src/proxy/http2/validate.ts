import { HOST_BYTE, NAME_LOWER, TARGET_BYTE } from '../http1/characters.ts'
import {
  dropAt,
  FIELD_STRIDE,
  hasField,
  type HeadBlock,
  isRepeated,
  knownValue,
  MARK_FIELD,
  MARKS,
  valueAt,
} from '../http1/head-block.ts'
import { FIELD } from '../http1/known-fields.ts'
import { isAuthority } from '../http1/request-target.ts'
import { HEAD_PROBLEM, type HeadAssembly } from './hpack/head-assembly.ts'

/** What is wrong with a head; `status` when it is well formed but has to be answered with an error. */
export interface HeadProblem {
  readonly detail: string
  readonly status: number
}

const MALFORMED: HeadProblem = { detail: HEAD_PROBLEM.messaging, status: 0 }
const BAD_FIELD: HeadProblem = { detail: HEAD_PROBLEM.field, status: 0 }
const NO_HOST: HeadProblem = { detail: 'missing_host_header', status: 400 }
const BAD_EXPECTATION: HeadProblem = { detail: 'http2.unknown_expectation', status: 417 }
const TOO_LARGE: HeadProblem = { detail: HEAD_PROBLEM.tooLarge, status: 431 }
const TOO_MANY: HeadProblem = { detail: HEAD_PROBLEM.tooMany, status: 431 }

/**
 * Judges a decoded request (RFC 9113, 8.3.1).
 * @param connects whether extended CONNECT was offered
 */
export function requestProblem(assembly: HeadAssembly, connects: boolean): HeadProblem | undefined {
  if (assembly.problem !== undefined) return assembly.problem === BAD_FIELD.detail ? BAD_FIELD : MALFORMED
  const { method, scheme, path, protocol } = assembly
  if (method === undefined || !isMethod(method)) return MALFORMED
  if (protocol !== undefined && (method !== 'CONNECT' || !connects || !isMethod(protocol))) return MALFORMED
  if (method === 'CONNECT' && protocol === undefined) {
    if (scheme !== undefined || path !== undefined || assembly.authority === undefined) return MALFORMED
  } else if (scheme === undefined || path === undefined || !isScheme(scheme) || !isPath(path, method)) {
    return MALFORMED
  }
  if (assembly.excess !== undefined) return assembly.excess === TOO_LARGE.detail ? TOO_LARGE : TOO_MANY
  const problem = authorityProblem(assembly)
  if (problem !== undefined || !hasField(assembly.block, FIELD.expect)) return problem
  return knownValue(assembly.block, FIELD.expect)?.toLowerCase() === '100-continue'
    ? undefined
    : BAD_EXPECTATION
}

function isMethod(method: string): boolean {
  if (method === 'GET' || method === 'POST') return true
  for (let i = 0; i < method.length; i++) if (isNotToken(method.charCodeAt(i))) return false
  return method.length > 0
}

function isNotToken(code: number): boolean {
  return code > 127 || NAME_LOWER[code] === 0
}

function isScheme(scheme: string): boolean {
  return scheme === 'http' || scheme === 'https'
}

function isPath(path: string, method: string): boolean {
  if (path.charCodeAt(0) !== SLASH) return path === '*' && method === 'OPTIONS'
  for (let i = 1; i < path.length; i++) {
    const code = path.charCodeAt(i)
    if (code > 127 || TARGET_BYTE[code] === 0) return false
  }
  return true
}

const SLASH = 47

/** `host` says the same as `:authority`, takes its place, or is refused: two readers must not see two hosts. */
function authorityProblem(assembly: HeadAssembly): HeadProblem | undefined {
  const { block, authority } = assembly
  if (block.known[FIELD.host] === 0) return NO_HOST
  if (authority === undefined) {
    if (isRepeated(block, FIELD.host)) return MALFORMED
    assembly.authority = valueAt(block, (block.known[FIELD.host] as number) - 1)
  } else if (isRepeated(block, FIELD.host) && !dropEqualHosts(block, authority)) {
    return MALFORMED
  }
  const text = assembly.authority as string
  if (text === assembly.lastAuthority) return undefined
  if (!isUsualAuthority(text)) return MALFORMED
  assembly.lastAuthority = text
  return undefined
}

/** The first `host` is the one made of `:authority`. @returns false when another one disagrees */
function dropEqualHosts(block: HeadBlock, authority: string): boolean {
  const first = block.known[FIELD.host] as number
  for (let index = first; index < block.count; index++) {
    if (((block.fields[index * FIELD_STRIDE + MARKS] as number) & MARK_FIELD) !== FIELD.host) continue
    if (valueAt(block, index).toLowerCase() !== authority.toLowerCase()) return false
    dropAt(block, index)
  }
  block.repeated &= ~(1 << FIELD.host)
  return true
}

/** Names without a port need no more than a look at each byte. */
function isUsualAuthority(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127 || HOST_BYTE[code] === 0) return isAuthority(text)
  }
  return text.length > 0
}

/** Judges a decoded response. @returns its status, or 0 */
export function responseStatus(assembly: HeadAssembly): number {
  const { status } = assembly
  if (assembly.problem !== undefined || assembly.excess !== undefined) return 0
  if (status === undefined || status.length !== 3) return 0
  let value = 0
  for (let i = 0; i < 3; i++) {
    const digit = status.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return 0
    value = value * 10 + digit
  }
  // There is no 101 in this version (8.6).
  return value < 100 || value === 101 ? 0 : value
}

/** @returns the announced length, −1 when there is none, −2 when it is no length */
export function announcedLength(text: string | undefined): number {
  if (text === undefined) return -1
  // 15 digits stay below 2^53.
  if (text.length === 0 || text.length > 15) return -2
  let length = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return -2
    length = length * 10 + digit
  }
  return length
}
