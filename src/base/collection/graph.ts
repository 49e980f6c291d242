import { assert } from '../assert.ts'
import { deepEqual } from './deep-equal.ts'
import { createDeriveNode } from './derive-node.ts'
import { createMergeNode } from './merge-node.ts'
import { type IndexNode, type Node, changeOf, createIndexNode, registerRead } from './node.ts'
import type { Reader } from './readers.ts'
import { createSourceNode } from './source-node.ts'
import type { Change, Collection, DeriveOptions, Equal, Graph, Index, Read, Source } from './types.ts'
import { createWaves } from './waves.ts'

/** @see Graph; the idea of derived collections with tracked reads is that of Istio's krt. */
export function createGraph(): Graph {
  const nodes: Node[] = []
  const nodeOf = new Map<unknown, Node>()
  const indexOf = new Map<unknown, IndexNode>()
  const waves = createWaves(nodes)

  function known<N>(registry: ReadonlyMap<unknown, N>, object: unknown, what: string): N {
    const node = registry.get(object)
    assert(node !== undefined, `${what} belongs to another graph`)
    return node
  }

  /** The public face of a node; it must not be used inside a transform, where it would be a hidden input. */
  function facade<T>(node: Node): Collection<T> {
    nodes.push(node)
    const collection: Collection<T> = {
      name: node.name,
      get: (key) => waves.outside(node.name, () => node.contents.get(key) as T | undefined),
      list: () => waves.outside(node.name, () => node.contents.list() as readonly T[]),
      size: () => waves.outside(node.name, () => node.contents.size()),
      subscribe(listener) {
        // A wrapper of its own lets one function subscribe twice.
        const own = (changes: readonly Change<unknown>[]): void => listener(changes as readonly Change<T>[])
        node.listeners.add(own)
        return () => void node.listeners.delete(own)
      },
    }
    nodeOf.set(collection, node)
    return collection
  }

  function source<T>(name: string, equal: Equal<T> = deepEqual): Source<T> {
    waves.assertIdle(`source ${name}`)
    const sourceNode = createSourceNode(nodes.length, name, equal as Equal<unknown>)
    const collection: Source<T> = {
      ...facade<T>(sourceNode.node),
      set: (key, value) => waves.stage(sourceNode, key, value),
      delete: (key) => waves.stage(sourceNode, key, undefined),
    }
    nodeOf.set(collection, sourceNode.node)
    return collection
  }

  function derive<In, Out extends { readonly key: string }>(
    options: DeriveOptions<In, Out>,
  ): Collection<Out> {
    waves.assertIdle(`collection ${options.name}`)
    const input = known(nodeOf, options.input, `collection ${options.input.name}`)
    const readNames = new Set<string>()
    const id = nodes.length
    const node = createDeriveNode({
      id,
      name: options.name,
      input,
      transform: (object, read, key) => options.transform(object as In, read, key),
      equal: (options.equal ?? deepEqual) as Equal<unknown>,
      evaluate: (reader, call) => waves.evaluate(() => call(readerOf(reader, id, readNames))),
      readNames,
    })
    input.downstream.push(node)
    const collection = facade<Out>(node)
    waves.initialize(node)
    return collection
  }

  function readerOf(reader: Reader, id: number, readNames: Set<string>): Read {
    function check(node: Node): Node {
      assert(
        node.id < id,
        `collection ${nodes[id]?.name} reads ${node.name}, which was created after it: create what is read first`,
      )
      readNames.add(node.name)
      return node
    }
    function register(index: unknown, indexKey: string): IndexNode {
      const node = known(indexOf, index, 'the index')
      check(node.owner)
      node.readers.add(indexKey, reader)
      return node
    }
    return {
      get<T>(collection: Collection<T>, key: string) {
        const node = check(known(nodeOf, collection, `collection ${collection.name}`))
        registerRead(node, key, reader)
        return node.contents.get(key) as T | undefined
      },
      list<T>(collection: Collection<T>) {
        const node = check(known(nodeOf, collection, `collection ${collection.name}`))
        registerRead(node, undefined, reader)
        return node.contents.list() as readonly T[]
      },
      lookup<T>(index: Index<T>, indexKey: string) {
        return register(index, indexKey).lookup(indexKey) as readonly T[]
      },
      count: (index, indexKey) => register(index, indexKey).count(indexKey),
    }
  }

  function index<T>(
    collection: Collection<T>,
    name: string,
    keysOf: (object: T) => readonly string[],
  ): Index<T> {
    waves.assertIdle(`index ${name}`)
    const owner = known(nodeOf, collection, `collection ${collection.name}`)
    const node = createIndexNode(name, owner, (object) => keysOf(object as T))
    node.apply([...owner.contents.keys()].map((key) => changeOf(key, undefined, owner.contents.get(key))))
    owner.indexes.push(node)
    const facade: Index<T> = {
      lookup: (indexKey) => waves.outside(name, () => node.lookup(indexKey) as readonly T[]),
    }
    indexOf.set(facade, node)
    return facade
  }

  function merge<T>(name: string, inputs: readonly Collection<T>[]): Collection<T> {
    waves.assertIdle(`collection ${name}`)
    const inputNodes = inputs.map((input) => known(nodeOf, input, `collection ${input.name}`))
    const node = createMergeNode(nodes.length, name, inputNodes)
    for (const input of inputNodes) {
      input.downstream.push(node)
      for (const key of input.contents.keys()) node.markDirty(key)
    }
    const collection = facade<T>(node)
    waves.initialize(node)
    return collection
  }

  return {
    source,
    derive,
    index,
    merge,
    transact: waves.transact,
    describe: () =>
      nodes.map((node) => ({
        name: node.name,
        size: node.contents.size(),
        inputs: node.inputNames(),
        recomputed: node.recomputed(),
      })),
  }
}
