import { assert } from '../assert.ts'
import { deepEqual } from './deep-equal.ts'
import { type Node, applyValues, createNode } from './node.ts'

export function createMergeNode(id: number, name: string, inputs: readonly Node[]): Node {
  let dirty = new Set<string>()

  function valueOf(key: string): unknown {
    const owners = inputs.filter((input) => input.contents.has(key))
    assert(
      owners.length < 2,
      `collection ${name}: the key ${key} is in ${owners.map((owner) => owner.name).join(' and in ')}; merged collections must not share keys`,
    )
    return owners[0]?.contents.get(key)
  }
  return createNode(id, name, (contents) => ({
    isDirty: () => dirty.size > 0,
    markDirty: (key) => void dirty.add(key),
    update() {
      const keys = dirty
      dirty = new Set()
      return applyValues(contents, new Map([...keys].map((key) => [key, valueOf(key)])), deepEqual)
    },
    inputNames: () => inputs.map((input) => input.name),
    recomputed: () => 0,
  }))
}
