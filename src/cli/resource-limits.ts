import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'

/** What the machine, or the container, leaves to this process. */
export interface ResourceLimits {
  /** Bytes; undefined: it may have what there is. */
  readonly memory: number | undefined
  readonly descriptors: number | undefined
}

export function readResourceLimits(): ResourceLimits {
  return {
    memory: memoryLimit(process.constrainedMemory(), totalmem()),
    descriptors: descriptorLimit(readText('/proc/self/limits')),
  }
}

/** @param constrained of the control group; without a limit it is 0, or more than there is */
export function memoryLimit(constrained: number, total: number): number | undefined {
  return constrained > 0 && constrained < total ? constrained : undefined
}

/** @param text of `/proc/<pid>/limits` */
export function descriptorLimit(text: string): number | undefined {
  const found = /^Max open files +(\d+)/m.exec(text)
  return found === null ? undefined : Number(found[1])
}

/** Files, listening sockets and everything else that is no connection of a client or to an endpoint. */
const OTHER_DESCRIPTORS = 256

/** So many clients that each can have a connection to an endpoint. */
export function connectionsFor(descriptors: number | undefined): number | undefined {
  return descriptors === undefined
    ? undefined
    : Math.max(1, Math.floor((descriptors - OTHER_DESCRIPTORS) / 2))
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // A machine that does not say leaves it to the user.
    return ''
  }
}
