import { assert } from '../assert.ts'
import { type Node, applyValues, createNode } from './node.ts'
import { type Reader, unlink } from './readers.ts'
import type { Change, Equal, Read } from './types.ts'

interface Keyed {
  readonly key: string
}

export interface DeriveNodeOptions {
  readonly id: number
  readonly name: string
  readonly input: Node
  readonly transform: (object: unknown, read: Read, key: string) => readonly Keyed[]
  readonly equal: Equal<unknown>
  /** Runs a transform with a `Read` that registers the reader with everything it reads. */
  readonly evaluate: <T>(reader: Reader, call: (read: Read) => T) => T
  readonly readNames: ReadonlySet<string>
}

/** What one input object gave, and what was read to make it. */
interface Entry {
  readonly outputKeys: readonly string[]
  readonly reader: Reader
}

/**
 * Recomputes the outputs of the dirty inputs. All of them are computed before any is applied, so that an output key may
 * move from one input to another within a wave, whatever the order they are computed in.
 */
export function createDeriveNode(options: DeriveNodeOptions): Node {
  const { name, input, transform, equal, evaluate } = options
  const entries = new Map<string, Entry>()
  const owners = new Map<string, string>()
  let dirty = new Set<string>(input.contents.keys())
  let recomputed = 0

  function compute(key: string): readonly Keyed[] {
    const previous = entries.get(key)
    if (previous !== undefined) unlink(previous.reader)
    if (!input.contents.has(key)) {
      entries.delete(key)
      return []
    }
    const reader: Reader = { markDirty: () => void dirty.add(key), links: [] }
    recomputed++
    const outputs = evaluate(reader, (read) => transform(input.contents.get(key), read, key))
    entries.set(key, { outputKeys: outputs.map((output) => output.key), reader })
    return outputs
  }

  function claim(outputKey: string, inputKey: string): void {
    const owner = owners.get(outputKey)
    assert(
      owner === undefined,
      `collection ${name}: the output key ${outputKey} comes from ${input.name} ${owner} and again from ${inputKey}; a transform must give keys that belong to its input alone`,
    )
    owners.set(outputKey, inputKey)
  }

  function update(contents: Node['contents']): readonly Change<unknown>[] {
    const keys = dirty
    dirty = new Set()
    const values = new Map<string, unknown>()
    const computed: (readonly [string, readonly Keyed[]])[] = []
    for (const key of keys) {
      for (const outputKey of entries.get(key)?.outputKeys ?? []) {
        owners.delete(outputKey)
        values.set(outputKey, undefined)
      }
      computed.push([key, compute(key)])
    }
    for (const [key, outputs] of computed) {
      for (const output of outputs) {
        claim(output.key, key)
        values.set(output.key, output)
      }
    }
    return applyValues(contents, values, equal)
  }

  return createNode(options.id, name, (contents) => ({
    isDirty: () => dirty.size > 0,
    markDirty: (key) => void dirty.add(key),
    update: () => update(contents),
    inputNames: () => [input.name, ...[...options.readNames].filter((read) => read !== input.name)],
    recomputed: () => recomputed,
  }))
}
