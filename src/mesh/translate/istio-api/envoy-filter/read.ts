/** Readers of what has no type of its own: Envoy's configuration inside of a patch. Every fault is said with its path. */
import { parseDurationMs } from '../../../../base/index.ts'

/** What of Envoy's configuration cannot be taken over as it was meant. */
export interface Faults {
  readonly add: (path: string, message: string) => void
  /** What has no effect, but does not change what the rest means. */
  readonly note: (path: string, message: string) => void
}

export interface Node {
  readonly path: string
  readonly value: unknown
  readonly faults: Faults
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A member by protobuf's name or by JSON's: `token_bucket` is `tokenBucket` too. @returns undefined when it is absent */
export function memberOf(node: Node, name: string): Node | undefined {
  if (!isRecord(node.value)) return undefined
  const found = [name, camelCase(name)].find((key) => Object.hasOwn(node.value as object, key))
  return found === undefined
    ? undefined
    : { path: `${node.path}.${found}`, value: node.value[found], faults: node.faults }
}

/** Everything but these is a fault: what is not looked at could change the meaning. */
export function onlyMembers(node: Node, names: readonly string[]): void {
  if (!isRecord(node.value)) {
    node.faults.add(node.path, 'must be an object')
    return
  }
  const known = new Set(names.flatMap((name) => [name, camelCase(name)]))
  for (const key of Object.keys(node.value)) {
    if (!known.has(key)) node.faults.add(`${node.path}.${key}`, 'is not supported')
  }
}

/** Everything but these has no effect: what is not looked at does not concern what is. */
export function otherMembers(node: Node, names: readonly string[]): void {
  if (!isRecord(node.value)) {
    node.faults.add(node.path, 'must be an object')
    return
  }
  const known = new Set(names.flatMap((name) => [name, camelCase(name)]))
  for (const key of Object.keys(node.value)) {
    if (!known.has(key)) node.faults.note(`${node.path}.${key}`, 'is not supported and has no effect')
  }
}

const TYPED_STRUCTS = [
  'type.googleapis.com/udpa.type.v1.TypedStruct',
  'type.googleapis.com/xds.type.v3.TypedStruct',
]

/** A message of this type, as itself or inside of a TypedStruct. @returns undefined when it is something else */
export function unwrapTyped(node: Node, type: string): Node | undefined {
  const own = isRecord(node.value) ? node.value['@type'] : undefined
  if (own === type) return node
  const isStruct = TYPED_STRUCTS.some((one) => one === own)
  if (!isStruct) {
    node.faults.add(`${node.path}.@type`, `must be ${type}, or a TypedStruct of it`)
    return undefined
  }
  onlyMembers(node, ['@type', 'type_url', 'value'])
  const inner = memberOf(node, 'type_url')
  if (textOf(inner) !== type) {
    node.faults.add(`${node.path}.type_url`, `must be ${type}`)
    return undefined
  }
  return memberOf(node, 'value') ?? { path: `${node.path}.value`, value: {}, faults: node.faults }
}

export function textOf(node: Node | undefined): string | undefined {
  if (node === undefined) return undefined
  if (typeof node.value === 'string') return node.value
  node.faults.add(node.path, 'must be a text')
  return undefined
}

export function flagOf(node: Node | undefined): boolean | undefined {
  if (node === undefined) return undefined
  if (typeof node.value === 'boolean') return node.value
  node.faults.add(node.path, 'must be true or false')
  return undefined
}

/** Protobuf's JSON writes large numbers as texts. */
export function integerOf(node: Node | undefined, min: number): number | undefined {
  if (node === undefined) return undefined
  const number = typeof node.value === 'string' && /^\d+$/.test(node.value) ? Number(node.value) : node.value
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= min) return number
  node.faults.add(node.path, `must be an integer from ${min}`)
  return undefined
}

export function millisecondsOf(node: Node | undefined, min: number): number | undefined {
  const text = textOf(node)
  if (node === undefined || text === undefined) return undefined
  const ms = parseDurationMs(text)
  if (ms !== undefined && ms >= min) return Math.round(ms)
  const bound = min === 0 ? '' : ` of ${min}ms at least`
  node.faults.add(node.path, `must be a duration${bound}, such as 60s`)
  return undefined
}

export function listOf(node: Node | undefined): readonly Node[] {
  if (node === undefined) return []
  const { path, value, faults } = node
  if (Array.isArray(value)) return value.map((one, i) => ({ path: `${path}[${i}]`, value: one, faults }))
  faults.add(path, 'must be a list')
  return []
}

function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase())
}
