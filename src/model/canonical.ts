import { hash } from 'node:crypto'

/** The characters of a version: 132 bits of the hash, far from any collision. */
const VERSION_LENGTH = 22

/**
 * The one JSON text of a value: members in the order of their names (by code unit), those that are `undefined` left out,
 * no white space. Two values have the same text exactly when they have the same content.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return canonicalList(value)
  if (typeof value === 'object' && value !== null) return canonicalObject(value as Record<string, unknown>)
  return JSON.stringify(value) ?? 'null'
}

function canonicalList(list: readonly unknown[]): string {
  let text = '['
  for (let i = 0; i < list.length; i++) text += (i === 0 ? '' : ',') + canonicalJson(list[i])
  return `${text}]`
}

function canonicalObject(object: Record<string, unknown>): string {
  let text = '{'
  for (const name of Object.keys(object).sort()) {
    const value = object[name]
    if (value === undefined) continue
    text += `${text === '{' ? '' : ','}${JSON.stringify(name)}:${canonicalJson(value)}`
  }
  return `${text}}`
}

/** The version of an object on the wire: a hash of its canonical JSON, so that equal content never counts as a change. */
export function contentVersion(json: string): string {
  return hash('sha256', json, 'base64url').slice(0, VERSION_LENGTH)
}
