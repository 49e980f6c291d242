import type { Logger } from '../../../base/index.ts'
import type { ExternalAuthorizer } from '../../../model/index.ts'
import type { Authorizer, ConnectionFacts, CustomAsk } from '../../../policy/index.ts'
import { FLAG } from '../../../telemetry/index.ts'
import { connectionFactsOf } from '../../exchange/connection-facts.ts'
import { sendLocalReply } from '../../exchange/local-reply.ts'
import { subrequest } from '../../exchange/subrequest.ts'
import type { Exchange, ForwardTarget } from '../../exchange/types.ts'
import { dropField } from '../../http1/head-block.ts'
import { hashName } from '../../http1/known-fields.ts'
import type { FilterVerdict, Guard } from '../order.ts'
import { resumeChain } from '../run.ts'
import type { AuthorizationAnswer } from './answer.ts'
import { grpcQuestion, readGrpcAnswer } from './ask-grpc.ts'
import { createHttpQuestion, type HttpQuestion } from './ask-http.ts'
import { gatherBody } from './body.ts'
import { fieldLine } from './names.ts'
import { type AskedService, badProvider, type ExtAuthzCounters } from './service.ts'

interface Options {
  readonly authorizer: () => Authorizer | undefined
  readonly provider: (name: string) => AskedService | undefined
  readonly counters: ExtAuthzCounters
  readonly logger: Logger
}

/** Leaves the decision over requests to the services that CUSTOM policies name (Envoy's ext_authz filter). */
export function createExtAuthzGuard(options: Options): Guard {
  const questions = new WeakMap<ExternalAuthorizer, HttpQuestion>()

  function questionFor(authorizer: ExternalAuthorizer): HttpQuestion | undefined {
    if (authorizer.http === undefined) return undefined
    let question = questions.get(authorizer)
    if (question === undefined) {
      question = createHttpQuestion(authorizer, authorizer.http)
      questions.set(authorizer, question)
    }
    return question
  }

  /** One after the other: each sees the request as the ones before have left it. */
  function askFrom(exchange: Exchange, asks: readonly CustomAsk[], at: number): void {
    const ask = asks[at]
    if (ask === undefined) return resumeChain(exchange)
    const found = options.provider(ask.provider)
    if (found === undefined) return refuseUnknown(exchange, ask, options)
    const next = (answer: AuthorizationAnswer): void => {
      if (exchange.finished) return
      if (apply(exchange, answer, { found, options })) askFrom(exchange, asks, at + 1)
    }
    const { authorizer, target } = found
    if (target === undefined) return next({ kind: 'failed', detail: `${authorizer.host} is not known here` })
    gatherBody(exchange, authorizer.body, (body) => {
      if (exchange.finished) return
      if (body === undefined) sendLocalReply(exchange, TOO_LARGE)
      else askOne(exchange, { authorizer, target, body, question: questionFor(authorizer) }, next)
    })
  }

  return (exchange): FilterVerdict => {
    const authorizer = options.authorizer()
    if (authorizer?.hasAsks !== true) return 'continue'
    const asks = authorizer.asks(exchange, connectionFactsOf(exchange))
    if (asks.length === 0) return 'continue'
    // Not within this call: the request has to know first how it goes on.
    queueMicrotask(() => {
      if (!exchange.finished) askFrom(exchange, asks, 0)
    })
    return 'wait'
  }
}

function askOne(
  exchange: Exchange,
  to: {
    readonly authorizer: ExternalAuthorizer
    readonly target: ForwardTarget
    readonly body: Buffer
    readonly question: HttpQuestion | undefined
  },
  done: (answer: AuthorizationAnswer) => void,
): void {
  const { authorizer, target, body, question } = to
  const connection: ConnectionFacts = connectionFactsOf(exchange)
  const request =
    question === undefined
      ? grpcQuestion(exchange, connection, { authorizer, body })
      : question.ask(exchange, body)
  subrequest(exchange.context, target, request, (outcome) =>
    done(question === undefined ? readGrpcAnswer(outcome) : question.read(outcome)),
  )
}

const TOO_LARGE = { status: 413, body: 'Payload Too Large', flags: 0, details: 'request_payload_too_large' }

/** @see Istio: a policy whose provider cannot be used refuses what it matches */
function refuseUnknown(exchange: Exchange, ask: CustomAsk, { counters, logger }: Options): void {
  counters.denied++
  logger.debug('a request is refused', {
    reason: `there is no provider ${ask.provider}`,
    policy: ask.by.policy,
  })
  sendLocalReply(exchange, {
    status: 403,
    body: 'RBAC: access denied',
    flags: 0,
    details: badProvider(ask),
  })
}

/** @returns whether the request goes on */
function apply(
  exchange: Exchange,
  answer: AuthorizationAnswer,
  { found, options }: { readonly found: AskedService; readonly options: Options },
): boolean {
  const { counters, logger } = options
  const { authorizer } = found
  switch (answer.kind) {
    case 'allowed':
      counters.ok++
      changeRequest(exchange, answer)
      return true
    case 'denied':
      counters.denied++
      sendLocalReply(exchange, {
        status: answer.status,
        body: answer.body,
        flags: FLAG.UAEX,
        details: 'ext_authz_denied',
        lines: answer.lines,
        ...(answer.contentType !== undefined && { contentType: answer.contentType }),
      })
      return false
    case 'failed':
      counters.error++
      logger.debug('nobody has decided over a request', { provider: authorizer.name, reason: answer.detail })
      if (authorizer.failsOpen) {
        counters.failure_mode_allowed++
        return true
      }
      sendLocalReply(exchange, {
        status: authorizer.statusOnError,
        body: '',
        flags: FLAG.UAEX,
        details: 'ext_authz_error',
      })
      return false
  }
}

function changeRequest(
  exchange: Exchange,
  { set, append, remove, responseLines }: Extract<AuthorizationAnswer, { kind: 'allowed' }>,
): void {
  const { head } = exchange
  for (const name of remove) dropField(head, name, hashName(name))
  for (const [name] of set) dropField(head, name, hashName(name))
  for (const [name, value] of [...set, ...append]) {
    const line = fieldLine(name, value)
    if (line !== '') head.added.push(line)
  }
  exchange.responseLines += responseLines
}
