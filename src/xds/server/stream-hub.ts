import { type Clock, messageOf } from '../../base/index.ts'
import { MODEL_TYPES, type ModelObject } from '../../model/index.ts'
import type { ModelCollections, Peer, ProxyStatus, XdsObserver } from './contract.ts'
import { encodeResponse } from './encoder.ts'
import { createResourceCache } from './resource-cache.ts'
import { createStreamState, type StreamState } from './stream-state.ts'

export interface Stream {
  readonly state: StreamState
  /** Writes what is due, at the end of the current turn. */
  readonly due: () => void
  /** The transport has room again. */
  readonly drained: () => void
  readonly close: () => void
}

/** All open streams, and the changes on their way to them. */
export interface StreamHub {
  /** @param write sends a response; false when the transport's buffer is full */
  readonly open: (peer: Peer, write: (bytes: Buffer) => boolean, end: () => void) => Stream
  readonly size: () => number
  readonly proxies: () => readonly ProxyStatus[]
  /** Ends all streams and stops listening to the collections. */
  readonly close: () => void
}

export interface StreamHubOptions {
  readonly collections: ModelCollections
  readonly controlPlane: string
  readonly responseBytesMax: number
  readonly observer: XdsObserver
  readonly clock: Clock
}

interface Member {
  readonly stream: Stream
  readonly connectedAt: number
  readonly write: () => void
  readonly end: () => void
}

export function createStreamHub(options: StreamHubOptions): StreamHub {
  const { collections, clock, observer } = options
  const cache = createResourceCache()
  const members = new Set<Member>()
  const flusher = createFlusher()
  let revision = 1

  const unsubscribers = MODEL_TYPES.map((type) =>
    collections[type].subscribe((changes) => {
      revision += 1
      for (const member of members) {
        let concerned = false
        for (const { key, after } of changes) {
          concerned = member.stream.state.touch(type, key, after) || concerned
        }
        if (concerned) flusher.add(member.write)
      }
    }),
  )

  const stateOf = (peer: Peer): StreamState =>
    createStreamState({
      peer,
      get: (type, key) => collections[type].get(key),
      list: (type): readonly ModelObject[] => collections[type].list(),
      encode: cache.encode,
      revision: () => revision,
      responseBytesMax: options.responseBytesMax,
      controlPlane: options.controlPlane,
      monotonic: clock.monotonic,
    })

  return {
    open(peer, write, end) {
      const { node } = peer
      const state = stateOf(peer)
      let full = false
      const writeAll = (): void => {
        if (full || !members.has(member)) return
        full = !pushTo(state, write, observer)
      }
      const stream: Stream = {
        state,
        due: () => flusher.add(writeAll),
        drained: () => {
          full = false
          writeAll()
        },
        close: () => {
          if (members.delete(member)) observer.disconnected?.(node)
        },
      }
      const member: Member = { stream, connectedAt: clock.now(), write: writeAll, end }
      members.add(member)
      observer.connected?.(node)
      return stream
    },
    size: () => members.size,
    proxies: () =>
      [...members].map(({ stream, connectedAt }) => ({
        node: stream.state.node,
        connectedAt,
        types: stream.state.status(),
      })),
    close() {
      for (const stop of unsubscribers) stop()
      for (const member of members) {
        member.stream.close()
        member.end()
      }
    },
  }
}

/** @returns false when the transport's buffer is full */
function pushTo(state: StreamState, write: (bytes: Buffer) => boolean, observer: XdsObserver): boolean {
  let roomLeft = true
  for (const { response, waitedMs } of state.pump()) {
    const bytes = encodeResponse(response)
    roomLeft = write(bytes) && roomLeft
    observer.pushed?.({
      node: state.node,
      type: response.type,
      resources: response.resources.length,
      removed: response.removed.length,
      bytes: bytes.byteLength,
      ms: waitedMs,
    })
  }
  return roomLeft
}

/** Calls each function once at the end of the current turn: the collections of one wave report one after the other. */
function createFlusher(): { readonly add: (write: () => void) => void } {
  let waiting = new Set<() => void>()
  const flush = (): void => {
    const writes = waiting
    waiting = new Set()
    let failure: Error | undefined
    for (const write of writes) {
      try {
        write()
      } catch (error) {
        // The other streams still get theirs; then the programmer's error surfaces.
        failure ??= error instanceof Error ? error : new Error(messageOf(error))
      }
    }
    if (failure) throw failure
  }
  return {
    add(write) {
      if (waiting.size === 0) queueMicrotask(flush)
      waiting.add(write)
    },
  }
}
