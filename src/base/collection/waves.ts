import { assert } from '../assert.ts'
import { messageOf } from '../result.ts'
import { type Node, propagate } from './node.ts'
import type { SourceNode } from './source-node.ts'

/** A listener that sets a source starts another wave; a chain longer than this is a loop. */
const CONSECUTIVE_WAVES_MAX = 1000

/** Runs one wave after another over the nodes of a graph. */
export interface Waves {
  readonly transact: (change: () => void) => void
  readonly stage: (source: SourceNode, key: string, value: unknown) => void
  /** Computes a node that has just been created. */
  readonly initialize: (node: Node) => void
  /** Runs a transform: inside of it only `Read` may be used. */
  readonly evaluate: <T>(call: () => T) => T
  readonly outside: <T>(name: string, call: () => T) => T
  readonly assertIdle: (what: string) => void
}

type Phase = 'idle' | 'wave' | 'transform'

/** @param nodes in the order of creation, which is a topological one; the graph adds to it */
export function createWaves(nodes: readonly Node[]): Waves {
  let phase: Phase = 'idle'
  let depth = 0
  let draining = false
  let failure: unknown
  const staged = new Set<SourceNode>()

  function assertUsable(what: string): void {
    assert(failure === undefined, `${what}: the graph stopped at an earlier error: ${messageOf(failure)}`)
  }

  /** A throw leaves the graph between two states, so that nothing may use it from then on. */
  function guarded<T>(call: () => T): T {
    try {
      return call()
    } catch (error) {
      failure = error
      throw error
    }
  }

  function update(): (() => void)[] {
    const notifications: (() => void)[] = []
    staged.clear()
    phase = 'wave'
    for (const node of nodes) {
      if (!node.isDirty()) continue
      const changes = node.update()
      if (changes.length === 0) continue
      propagate(node, changes)
      for (const listener of node.listeners) notifications.push(() => listener(changes))
    }
    phase = 'idle'
    return notifications
  }

  function drain(): void {
    if (draining) return
    draining = true
    try {
      for (let wave = 0; staged.size > 0; wave++) {
        assert(wave < CONSECUTIVE_WAVES_MAX, 'listeners keep changing sources: a loop of waves')
        notifyAll(guarded(update))
      }
    } finally {
      draining = false
    }
  }

  /** All listeners hear of a wave, also when one of them throws. */
  function notifyAll(notifications: readonly (() => void)[]): void {
    const errors: unknown[] = []
    for (const notify of notifications) {
      try {
        notify()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw errors[0]
  }

  function transact(change: () => void): void {
    assertUsable('transact')
    assert(phase === 'idle', 'a transform must not change a source')
    depth++
    try {
      change()
    } catch (error) {
      if (depth === 1) {
        for (const source of staged) source.discard()
        staged.clear()
      }
      throw error
    } finally {
      depth--
    }
    if (depth === 0) drain()
  }

  return {
    transact,
    stage(source, key, value) {
      transact(() => {
        source.stage(key, value)
        staged.add(source)
      })
    },
    initialize(node) {
      guarded(() => {
        phase = 'wave'
        if (node.isDirty()) node.update()
        phase = 'idle'
      })
    },
    evaluate(call) {
      phase = 'transform'
      const value = call()
      phase = 'wave'
      return value
    },
    outside(name, call) {
      assertUsable(name)
      assert(phase !== 'transform', `a transform must read ${name} through its read parameter`)
      return call()
    },
    assertIdle(what) {
      assertUsable(what)
      assert(phase === 'idle', `${what} must not be created while a wave runs`)
    },
  }
}
