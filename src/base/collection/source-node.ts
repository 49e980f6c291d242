import { type Node, applyValues, createNode } from './node.ts'
import type { Equal } from './types.ts'

/** A node whose values come from outside; they are staged until a wave takes them. */
export interface SourceNode {
  readonly node: Node
  readonly stage: (key: string, value: unknown) => void
  readonly discard: () => void
}

export function createSourceNode(id: number, name: string, equal: Equal<unknown>): SourceNode {
  let staged = new Map<string, unknown>()
  const node = createNode(id, name, (contents) => ({
    isDirty: () => staged.size > 0,
    markDirty() {},
    update() {
      const values = staged
      staged = new Map()
      return applyValues(contents, values, equal)
    },
    inputNames: () => [],
    recomputed: () => 0,
  }))
  return {
    node,
    stage: (key, value) => void staged.set(key, value),
    discard: () => staged.clear(),
  }
}
