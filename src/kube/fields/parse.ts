/**
 * The notation of the field tables. One message begins a line, further lines are indented:
 *
 *     Message name:number[type][!|?][~patch][=listKeys][(default)][|enum…] …
 *
 * type: nothing = string, b = bool, i = int32, l = int64, d = double, y = bytes, q = Quantity, t = Time,
 * u = MicroTime, D = Duration, o = IntOrString, r = RawExtension, j = JSON, f = FieldsV1, or the name of a
 * message, with its package where it is another; `[x]` is a list, `{x}` a map. `*Message` is embedded: on the
 * wire a message, in JSON its fields stand beside the others. `!` = required, `?` = zero is
 * not the same as absent. `~key` = strategic merge by key (`~`
 * alone: of scalars), `~~key` the same and retainKeys, `~-` retainKeys alone. `=a,b` = list-type map with these
 * keys, `=set` = list-type set. A message that begins with `?` is a choice: its JSON is the field that is set.
 */

export type Scalar =
  | 'string'
  | 'bool'
  | 'int32'
  | 'int64'
  | 'double'
  | 'bytes'
  | 'quantity'
  | 'time'
  | 'microTime'
  | 'duration'
  | 'intOrString'
  | 'rawExtension'
  | 'json'
  | 'fieldsV1'

export type FieldType =
  | { readonly kind: 'scalar'; readonly scalar: Scalar }
  | { readonly kind: 'message'; readonly name: string }
  | { readonly kind: 'list'; readonly of: FieldType }
  | { readonly kind: 'map'; readonly of: FieldType }

export interface PatchRule {
  readonly merge: boolean
  readonly retainKeys: boolean
  /** '' where the items are scalars */
  readonly mergeKey: string
}

export interface Field {
  readonly name: string
  /** the number on the wire, 0 for a field that only JSON has */
  readonly number: number
  readonly type: FieldType
  readonly embedded: boolean
  readonly required: boolean
  /** an empty or zero scalar means something other than absence */
  readonly zeroMatters: boolean
  readonly patch?: PatchRule
  readonly listKeys?: readonly string[]
  readonly set: boolean
  readonly enum?: readonly string[]
  readonly default?: string
}

export interface MessageType {
  /** package and name: `core/v1.Pod` */
  readonly name: string
  readonly choice: boolean
  readonly fields: readonly Field[]
}

const SCALARS: Readonly<Record<string, Scalar>> = {
  '': 'string',
  b: 'bool',
  i: 'int32',
  l: 'int64',
  d: 'double',
  y: 'bytes',
  q: 'quantity',
  t: 'time',
  u: 'microTime',
  D: 'duration',
  o: 'intOrString',
  r: 'rawExtension',
  j: 'json',
  f: 'fieldsV1',
}

const FIELD =
  /^([^:]+):(\d+)(\*?)([A-Za-z0-9/.[\]{}]*)([!?]?)(?:(~~?)([A-Za-z-]*))?(?:=([A-Za-z,]+))?(?:\(([^)]*)\))?(?:\|(.*))?$/

export function parseFieldTable(packageName: string, text: string): ReadonlyMap<string, MessageType> {
  const messages = new Map<string, MessageType>()
  for (const entry of text.trim().split(/\n(?! )/)) {
    const [head = '', ...tokens] = entry.split(/\s+/)
    const choice = head.startsWith('?')
    const name = `${packageName}.${choice ? head.slice(1) : head}`
    messages.set(name, { name, choice, fields: tokens.map((token) => parseField(packageName, token)) })
  }
  return messages
}

function parseField(packageName: string, token: string): Field {
  const match = FIELD.exec(token)
  if (!match) throw new Error(`field table of ${packageName}: cannot read ${token}`)
  const [, name = '', number, embedded, type = '', mark, tilde, mergeKey = '', listKeys, fallback, choices] =
    match
  const patch = tilde === undefined ? undefined : parsePatch(tilde, mergeKey)
  return {
    name,
    number: Number(number),
    type: parseType(packageName, type),
    embedded: embedded === '*',
    required: mark === '!',
    zeroMatters: mark === '?' || mark === '!',
    ...(patch && { patch }),
    ...(listKeys !== undefined && listKeys !== 'set' && { listKeys: listKeys.split(',') }),
    set: listKeys === 'set',
    ...(choices !== undefined && { enum: choices.split('|') }),
    ...(fallback !== undefined && { default: fallback }),
  }
}

function parsePatch(tilde: string, mergeKey: string): PatchRule {
  if (mergeKey === '-') return { merge: false, retainKeys: true, mergeKey: '' }
  return { merge: true, retainKeys: tilde === '~~', mergeKey }
}

function parseType(packageName: string, text: string): FieldType {
  if (text.startsWith('[')) return { kind: 'list', of: parseType(packageName, text.slice(1, -1)) }
  if (text.startsWith('{')) return { kind: 'map', of: parseType(packageName, text.slice(1, -1)) }
  const scalar = Object.hasOwn(SCALARS, text) ? SCALARS[text] : undefined
  if (scalar !== undefined) return { kind: 'scalar', scalar }
  return { kind: 'message', name: text.includes('.') ? text : `${packageName}.${text}` }
}
