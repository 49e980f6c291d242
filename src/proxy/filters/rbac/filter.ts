import type { Logger } from '../../../base/index.ts'
import type { Authorizer, ConnectionFacts, Remarks, Verdict } from '../../../policy/index.ts'
import { connectionFactsOf } from '../../exchange/connection-facts.ts'
import { sendLocalReply } from '../../exchange/local-reply.ts'
import type { Exchange } from '../../exchange/types.ts'
import { ADMITTED, type Admitted } from '../admission.ts'
import type { Guard } from '../order.ts'

/** What has been decided, by Envoy's names. */
export interface AuthorizationCounters {
  allowed: number
  denied: number
  shadow_allowed: number
  shadow_denied: number
  /** Of AUDIT policies. */
  logged: number
}

export function createAuthorizationCounters(): AuthorizationCounters {
  return { allowed: 0, denied: 0, shadow_allowed: 0, shadow_denied: 0, logged: 0 }
}

/** Refuses requests that policies do not allow (Envoy's RBAC filter). @param authorizer as it is just now */
export function createRbacGuard(options: {
  readonly authorizer: () => Authorizer | undefined
  readonly counters: AuthorizationCounters
  readonly logger: Logger
}): Guard {
  const { counters, logger } = options
  return (exchange) => {
    const authorizer = options.authorizer()
    if (authorizer === undefined) return 'continue'
    const connection = connectionFactsOf(exchange)
    if (authorizer.remark !== undefined)
      noteRemarks(authorizer.remark(exchange, connection), counters, logger)
    const verdict = authorizer.decide(exchange, connection)
    if (verdict.effect === 'allow') {
      counters.allowed++
      return 'continue'
    }
    counters.denied++
    refuse(exchange, verdict, logger)
    return 'stop'
  }
}

function refuse(exchange: Exchange, verdict: Extract<Verdict, { effect: 'deny' }>, logger: Logger): void {
  logger.debug('a request is refused', { reason: verdict.reason, path: exchange.path })
  sendLocalReply(exchange, {
    status: 403,
    body: 'RBAC: access denied',
    flags: 0,
    details: detailsOf(verdict),
  })
}

/** @see Envoy, RBAC filter: the rule that matched, or that none did */
export function detailsOf(verdict: Verdict): string {
  return `rbac_access_denied_matched_policy[${verdict.by?.id ?? 'none'}]`
}

/** Decides over a connection that is no HTTP. */
export function decideConnection(
  authorizer: Authorizer,
  connection: ConnectionFacts,
  { counters, logger }: { readonly counters: AuthorizationCounters; readonly logger: Logger },
): Admitted {
  if (authorizer.remark !== undefined) noteRemarks(authorizer.remark(undefined, connection), counters, logger)
  const verdict = authorizer.decide(undefined, connection)
  if (verdict.effect === 'allow') {
    counters.allowed++
    return ADMITTED
  }
  counters.denied++
  logger.debug('a connection is refused', { reason: verdict.reason, source: connection.sourceAddress })
  return { kind: 'refused', reason: detailsOf(verdict), flags: 0 }
}

function noteRemarks(remarks: Remarks, counters: AuthorizationCounters, logger: Logger): void {
  const { audit, shadowDeny, shadowAllow } = remarks
  if (audit !== undefined) {
    counters.logged++
    logger.debug('a request is audited', { policy: audit.id })
  }
  for (const shadow of [shadowDeny, shadowAllow]) {
    if (shadow === undefined) continue
    if (shadow.effect === 'allow') {
      counters.shadow_allowed++
    } else {
      counters.shadow_denied++
      logger.debug('a dry run would refuse', { reason: shadow.reason })
    }
  }
}
