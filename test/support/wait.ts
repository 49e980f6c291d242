import { setTimeout as sleep } from 'node:timers/promises'

export interface WaitOptions {
  readonly deadlineMs?: number
  readonly everyMs?: number
}

/**
 * Asks until there is an answer. @param look throws or returns undefined or false while it is not so yet
 * @throws after the deadline (default 60 s), with what was waited for and the last failure
 */
export async function waitFor<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  options: WaitOptions = {},
): Promise<T> {
  const deadlineMs = options.deadlineMs ?? 60_000
  const deadline = performance.now() + deadlineMs
  let last: unknown
  for (;;) {
    try {
      const found = await look()
      if (found !== undefined && found !== false) return found
      last = undefined
    } catch (error) {
      last = error
    }
    if (performance.now() > deadline) {
      throw new Error(
        `waited ${deadlineMs / 1000} s in vain for ${what}`,
        last === undefined ? {} : { cause: last },
      )
    }
    await sleep(options.everyMs ?? 20)
  }
}

/** Creation times are whole seconds: what is created after this is younger than what was before. */
export async function waitForNextSecond(): Promise<void> {
  const second = Math.floor(Date.now() / 1000)
  await waitFor('the next second', () => Math.floor(Date.now() / 1000) > second)
}
