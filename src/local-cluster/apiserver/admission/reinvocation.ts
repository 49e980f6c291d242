import type { Webhook } from './webhook-config.ts'

/**
 * Which mutating webhooks a round calls. The first round calls all; the second one, if there is any, those that asked
 * for it (`reinvocationPolicy: IfNeeded`) and have not seen the object as others made it after them.
 */
export interface Reinvocation {
  readonly wants: (webhook: Webhook) => boolean
  readonly called: (webhook: Webhook, hasChanged: boolean) => void
  /** Ends the first round. @returns whether there has to be a second one */
  readonly startSecondRound: () => boolean
  /** The built-in steps changed the object between the rounds: everybody who asked for it looks again. */
  readonly changedBetween: () => void
}

export function createReinvocation(): Reinvocation {
  let isSecond = false
  let hasAnyChanged = false
  /** webhooks that have seen the latest change, and would want to see another */
  let upToDate = new Set<string>()
  const outdated = new Set<string>()
  const outdate = () => {
    for (const id of upToDate) outdated.add(id)
    upToDate = new Set()
  }
  return {
    wants: ({ id }) => !isSecond || outdated.has(id),
    called(webhook, hasChanged) {
      if (hasChanged) {
        hasAnyChanged = true
        outdate()
      }
      if (webhook.reinvokes) upToDate.add(webhook.id)
    },
    startSecondRound() {
      isSecond = true
      return hasAnyChanged
    },
    changedBetween: outdate,
  }
}
