import { type CompiledDestination, type CompiledForward, pickDestination } from '../../../routing/index.ts'
import { forward } from '../../exchange/attempt.ts'
import { type LocalReply, REPLIES, sendLocalReply } from '../../exchange/local-reply.ts'
import { retryPlanOf } from '../../exchange/retry.ts'
import { timeoutLine } from '../../exchange/terms.ts'
import type { Exchange, ForwardPlan, ForwardTarget, ResponseFilter } from '../../exchange/types.ts'
import { createSession, type Session } from '../../upstream/session.ts'
import { requestChanges, responseChanges } from '../headers/filter.ts'
import type { FilterCluster, FilterContext, HttpFilterFactory, RequestFilter } from '../order.ts'
import { rewriteOf } from '../rewrite/filter.ts'

/** Chooses the destination by weight and sends the request there. */
export const routerFilter: HttpFilterFactory = (route, context) => {
  const { action } = route
  if (action.kind !== 'forward') return undefined
  const response = responseChanges(route.filters)
  const session = action.session && createSession(action.session)
  const sends = action.destinations.map((destination) =>
    compileDestination(action, destination, { response, session }, context),
  )
  const [only] = sends
  if (only !== undefined && sends.length === 1 && session === undefined) return { request: only }
  const sessionDestination = session && destinationFinder(action, session, context)
  return {
    request(exchange, match) {
      const destination = sessionDestination?.(exchange) ?? pickDestination(action, context.random)
      return (sends[action.destinations.indexOf(destination)] as RequestFilter)(exchange, match)
    },
  }
}

/** GEP-1619: weights are for new sessions; one that has begun stays with the destination that has its endpoint. */
function destinationFinder(
  action: CompiledForward,
  session: Session,
  context: FilterContext,
): (exchange: Exchange) => CompiledDestination | undefined {
  const served = action.destinations.flatMap((destination) => {
    if (destination.weight === 0) return []
    const cluster = clusterOf(destination, context)
    cluster?.sessions.want()
    return cluster === undefined ? [] : [{ destination, cluster }]
  })
  return (exchange) => {
    const address = session.addressOf(exchange)
    if (address === undefined) return undefined
    return served.find(({ cluster }) => cluster.sessions.at(address) !== undefined)?.destination
  }
}

function clusterOf({ target }: CompiledDestination, context: FilterContext): FilterCluster | undefined {
  if (target.kind === 'unresolved') return undefined
  return context.cluster({ service: target.service, port: target.port, subset: target.subset })
}

function withSession(cluster: FilterCluster, session: Session | undefined): ForwardTarget {
  if (session === undefined) return cluster
  return { ...cluster, pick: (exchange) => cluster.pickFor(session, exchange) }
}

function compileDestination(
  action: CompiledForward,
  destination: CompiledDestination,
  ofRoute: { readonly response: ResponseFilter | undefined; readonly session: Session | undefined },
  context: FilterContext,
): RequestFilter {
  const { target, filters } = destination
  if (target.kind === 'unresolved') return replyWith(unresolvedReply(target.status, target.reason))
  const cluster = clusterOf(destination, context) as FilterCluster
  const requests = [requestChanges(filters), rewriteOf(filters)].filter((filter) => filter !== undefined)
  const own = responseChanges(filters)
  const baseLines = `x-envoy-decorator-operation: ${hostOf(cluster.name)}:${target.port}/*\r\n`
  const retries = action.retries ?? context.retries
  const timeouts = {
    requestTimeoutMs: action.timeouts.requestMs ?? 0,
    tryTimeoutMs: retries?.perTryTimeoutMs ?? action.timeouts.backendRequestMs ?? 0,
  }
  const plan: ForwardPlan = {
    target: withSession(cluster, ofRoute.session),
    ...timeouts,
    retry: retryPlanOf(retries),
    response: [ofRoute.response, own].filter((filter) => filter !== undefined),
    requestLines: baseLines + timeoutLine(timeouts),
    baseLines,
    attemptCount: true,
  }
  return (exchange, match) => {
    if (!cluster.isKnown()) {
      exchange.clusterName = cluster.name
      sendLocalReply(exchange, REPLIES.clusterNotFound)
      return 'stop'
    }
    for (const filter of requests) filter(exchange, match)
    forward(exchange, plan)
    return 'stop'
  }
}

function hostOf(clusterName: string): string {
  return clusterName.slice(clusterName.lastIndexOf('|') + 1)
}

function unresolvedReply(status: number, reason: string): LocalReply {
  const base = status === 503 ? REPLIES.clusterNotFound : { ...REPLIES.clusterNotFound, flags: 0 }
  return {
    ...base,
    status,
    body: '',
    details: status === 503 ? base.details : `unresolved_destination{${reason.replaceAll(' ', '_')}}`,
  }
}

function replyWith(reply: LocalReply): RequestFilter {
  return (exchange) => {
    sendLocalReply(exchange, reply)
    return 'stop'
  }
}
