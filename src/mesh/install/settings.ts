import { fail, ok, type Result, type Violation } from '../../base/index.ts'
import { isKnownSetting, settingComplaint, type SettingValue, suggestSetting } from './known-settings.ts'

export type { SettingValue } from './known-settings.ts'

/** A tree of settings. A list is so many members `name[0]`, `name[1]`, …, until `plainSettings` makes one of them. */
export type SettingTree = { readonly [name: string]: SettingTree | SettingValue }

/**
 * Reads `--set` arguments such as `values.global.platform=k3s`. Values that read as booleans or whole numbers are such.
 * @returns the tree of all of them (a later one wins), or what is wrong with each
 */
export function parseSettings(args: readonly string[]): Result<SettingTree> {
  const violations: Violation[] = []
  let tree: SettingTree = {}
  for (const argument of args) {
    const equals = argument.indexOf('=')
    const path = argument.slice(0, Math.max(equals, 0)).replace(/^spec\./, '')
    if (equals <= 0) {
      violations.push({
        path: argument,
        message: 'must be path=value, for example values.global.platform=k3s',
      })
      continue
    }
    const value = parseValue(argument.slice(equals + 1))
    violations.push(...checkSetting(path, value))
    tree = withSetting(tree, path.split(/(?<!\\)\./).map(unescapeMember), value)
  }
  return violations.length > 0 ? fail(violations) : ok(tree)
}

/** @returns what is wrong with one setting: its path or its value */
export function checkSetting(path: string, value: SettingValue): readonly Violation[] {
  if (!isKnownSetting(path)) return [{ path, message: `is not a setting${suggestSetting(path)}` }]
  const complaint = settingComplaint(path, value)
  return complaint === undefined ? [] : [{ path, message: complaint }]
}

/** @returns undefined when nothing was set there, or only something below */
export function settingAt(tree: SettingTree, path: string): SettingValue | undefined {
  const found = subtreeOf(tree, path.split('.'))
  return typeof found === 'object' ? undefined : found
}

/** What was set below a path, as a plain object. */
export function settingsBelow(tree: SettingTree, path: string): SettingTree {
  const found = subtreeOf(tree, path.split('.'))
  return typeof found === 'object' ? found : {}
}

/** What was set directly below a path, as texts. */
export function textsBelow(tree: SettingTree, path: string): Readonly<Record<string, string>> {
  const leaves = Object.entries(settingsBelow(tree, path)).filter(
    (entry): entry is [string, SettingValue] => typeof entry[1] !== 'object',
  )
  return Object.fromEntries(leaves.map(([name, value]) => [name, String(value)]))
}

/** Lays `over` on `base`, member by member. */
export function mergeTrees(base: SettingTree, over: SettingTree): SettingTree {
  const merged: Record<string, SettingTree | SettingValue> = { ...base }
  for (const [name, value] of Object.entries(over)) {
    const present = merged[name]
    merged[name] =
      typeof value === 'object' && typeof present === 'object' ? mergeTrees(present, value) : value
  }
  return merged
}

const NUMBERED = /^(.+)\[(\d+)\]$/

/** The tree as the data that it stands for: numbered members become lists. */
export function plainSettings(tree: SettingTree): Readonly<Record<string, unknown>> {
  const plain: Record<string, unknown> = {}
  const lists = new Map<string, unknown[]>()
  for (const [name, value] of Object.entries(tree)) {
    const data = typeof value === 'object' ? plainSettings(value) : value
    const [, list, index] = NUMBERED.exec(name) ?? []
    if (list === undefined) plain[name] = data
    else {
      const items = lists.get(list) ?? []
      items[Number(index)] = data
      lists.set(list, items)
    }
  }
  // A gap in the numbers is no item.
  for (const [name, items] of lists) plain[name] = items.filter((item) => item !== undefined)
  return plain
}

function subtreeOf(tree: SettingTree, path: readonly string[]): SettingTree | SettingValue | undefined {
  let current: SettingTree | SettingValue | undefined = tree
  for (const name of path) {
    if (typeof current !== 'object' || !Object.hasOwn(current, name)) return undefined
    current = current[name]
  }
  return current
}

function withSetting(tree: SettingTree, path: readonly string[], value: SettingValue): SettingTree {
  const leaf = path.reduceRight<SettingTree | SettingValue>((inner, name) => ({ [name]: inner }), value)
  return typeof leaf === 'object' ? mergeTrees(tree, leaf) : tree
}

function unescapeMember(member: string): string {
  return member.replaceAll('\\.', '.')
}

function parseValue(text: string): SettingValue {
  if (text === 'true') return true
  if (text === 'false') return false
  return /^-?(?:0|[1-9]\d{0,14})$/.test(text) ? Number(text) : text.replace(/^(["'])(.*)\1$/, '$2')
}
