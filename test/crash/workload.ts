import type { Random } from '../../src/base/index.ts'
import { ApiError, type KubeClient } from '../../src/kube/client/index.ts'

/** Writes that go on until the server is gone, and what must be true of them when another one is there. */
export interface Workload {
  /** Resolves when every writer has lost the server, or when it is over. */
  readonly run: (isOver: () => boolean) => Promise<void>
  /** Looks at the restarted server, and takes its word for what had no answer. @returns what is wrong */
  readonly check: () => Promise<readonly string[]>
  /** writes that were answered */
  readonly acknowledged: () => number
}

export interface WorkloadOptions {
  readonly client: KubeClient
  readonly random: Random
  readonly onViolation: (text: string) => void
}

/**
 * Repeats until it is over or the server is gone. A refusal is a complaint and the end too: these writers ask for
 * nothing that may be refused.
 */
export async function untilGone(
  { onViolation }: WorkloadOptions,
  isOver: () => boolean,
  action: () => Promise<void>,
): Promise<void> {
  while (!isOver()) {
    try {
      await action()
    } catch (error) {
      if (error instanceof ApiError) onViolation(`a write was refused: ${error.message}`)
      return
    }
  }
}
