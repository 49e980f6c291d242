import type { Logger } from '../../../base/index.ts'
import type { Authorizer, ConnectionFacts, CustomAsk } from '../../../policy/index.ts'
import { FLAG } from '../../../telemetry/index.ts'
import { subrequest } from '../../exchange/subrequest.ts'
import type { HttpContext } from '../../exchange/types.ts'
import { ADMITTED, type Admitted } from '../admission.ts'
import type { AuthorizationAnswer } from './answer.ts'
import { connectionQuestion, readGrpcAnswer } from './ask-grpc.ts'
import { type AskedService, badProvider, type ExtAuthzCounters } from './service.ts'

interface Options {
  readonly provider: (name: string) => AskedService | undefined
  readonly counters: ExtAuthzCounters
  readonly logger: Logger
  /** Where the questions come from. */
  readonly context: HttpContext
}

/**
 * Leaves the decision over connections that are no HTTP to the services that CUSTOM policies name (Envoy's network filter
 * ext_authz), before anything is connected to. As in Istio, a service that is asked by HTTP has no say in bytes.
 */
export function createConnectionAsker(options: Options) {
  const { provider, counters, logger, context } = options

  /** One after the other. */
  function askFrom(
    asks: readonly CustomAsk[],
    at: number,
    connection: ConnectionFacts,
    asking: { stop: (() => void) | undefined },
    done: (admission: Admitted) => void,
  ): void {
    const ask = asks[at]
    if (ask === undefined) return done(ADMITTED)
    const found = provider(ask.provider)
    if (found === undefined) {
      counters.denied++
      return done({ kind: 'refused', reason: badProvider(ask), flags: 0 })
    }
    const { authorizer, target } = found
    const next = (answer: AuthorizationAnswer): void => {
      const admission = admissionOf(answer, found)
      if (admission.kind === 'admitted') askFrom(asks, at + 1, connection, asking, done)
      else done(admission)
    }
    if (target === undefined) return next({ kind: 'failed', detail: `${authorizer.host} is not known here` })
    asking.stop = subrequest(context, target, connectionQuestion(connection, authorizer), (outcome) =>
      next(readGrpcAnswer(outcome)),
    )
  }

  function admissionOf(answer: AuthorizationAnswer, { authorizer }: AskedService): Admitted {
    switch (answer.kind) {
      case 'allowed':
        counters.ok++
        return ADMITTED
      case 'denied':
        counters.denied++
        return { kind: 'refused', reason: 'ext_authz_denied', flags: FLAG.UAEX }
      case 'failed':
        counters.error++
        logger.debug('nobody has decided over a connection', {
          provider: authorizer.name,
          reason: answer.detail,
        })
        if (!authorizer.failsOpen) return { kind: 'refused', reason: 'ext_authz_error', flags: FLAG.UAEX }
        counters.failure_mode_allowed++
        return ADMITTED
    }
  }

  /** One that is not there is not known to be of HTTP. */
  const asksGrpc = ({ provider: name }: CustomAsk): boolean => provider(name)?.authorizer.http === undefined

  return {
    /** @returns what gives it up; undefined when nobody is to be asked */
    questionOf(
      authorizer: Authorizer,
      connection: ConnectionFacts,
    ): ((done: (admission: Admitted) => void) => () => void) | undefined {
      if (!authorizer.hasAsks) return undefined
      const asks = authorizer.asks(undefined, connection).filter(asksGrpc)
      if (asks.length === 0) return undefined
      return (done) => {
        const asking: { stop: (() => void) | undefined } = { stop: undefined }
        let isOver = false
        queueMicrotask(() => {
          if (isOver) return
          askFrom(asks, 0, connection, asking, (admission) => {
            if (!isOver) done(admission)
          })
        })
        return () => {
          isOver = true
          asking.stop?.()
        }
      }
    },
  }
}
