import { type CelInput, celMap, type CelMap, CelScalar, mapType } from '@bufbuild/cel'

/**
 * Values of the types that Kubernetes adds (URL, IP, CIDR, Quantity, Semver, optional) travel through CEL as maps
 * with one entry that no rule can name: the library has no types of its own to give.
 */
export const OPAQUE = mapType(CelScalar.STRING, CelScalar.DYN)

type OpaqueKind = 'url' | 'ip' | 'cidr' | 'quantity' | 'semver' | 'optional' | 'format'

const KEYS: Readonly<Record<OpaqueKind, string>> = {
  url: '\u0000url',
  ip: '\u0000ip',
  cidr: '\u0000cidr',
  quantity: '\u0000quantity',
  semver: '\u0000semver',
  optional: '\u0000optional',
  format: '\u0000format',
}

export function wrap(kind: OpaqueKind, content: CelInput): CelMap {
  return celMap(new Map([[KEYS[kind], content]]))
}

/** @throws where the value is of another type, as CEL has no such overload */
export function unwrap(kind: OpaqueKind, value: CelMap): CelInput {
  const content = value.get(KEYS[kind])
  if (content === undefined) throw new Error(`no such overload: ${kind} expected`)
  return content
}

export function unwrapText(kind: OpaqueKind, value: CelMap): string {
  const content = unwrap(kind, value)
  return typeof content === 'string' ? content : ''
}

export function isOpaque(kind: OpaqueKind, value: CelMap): boolean {
  return value.has(KEYS[kind])
}
