import type { Origin } from '../../model/index.ts'
import type { ExplainedDestination, Outcome, RequestExplanation, WonderedRequest } from './explain.ts'

/** The conditions that are written out of those that failed; the rest is counted. */
const PASSED_OVER_MAX = 20

/** For people: where the request arrives, what it takes, and what each rule before that wanted. */
export function formatExplanations(
  request: WonderedRequest,
  explanations: readonly RequestExplanation[],
  referenceOf: (origin: Origin) => string | undefined = () => undefined,
): string {
  const head = `${request.method} ${request.scheme}://${request.authority}${request.path}`
  if (explanations.length === 0) {
    return `${head}\n  no gateway listens on port ${request.port}: the connection is refused\n`
  }
  const parts = explanations.map((explanation) =>
    [
      `${head} at ${explanation.where.join(', ')}, port ${request.port}`,
      ...hostLines(explanation),
      ...decisionLines(explanation, referenceOf),
      ...outcomeLines(explanation.outcome, referenceOf),
    ].join('\n'),
  )
  return `${parts.join('\n\n')}\n`
}

function hostLines({ decision, listeners }: RequestExplanation): readonly string[] {
  const { host, domain } = decision
  if (domain === undefined) return [`  host ${host}: no rule is for it`]
  const served = listeners.map((listener) => listener.slice(listener.lastIndexOf('/') + 1)).join(', ')
  const at = served === '' ? '' : ` (listener ${served})`
  return [domain === host ? `  host ${host}${at}` : `  host ${host}, served as ${domain}${at}`]
}

function decisionLines(
  { decision }: RequestExplanation,
  referenceOf: (origin: Origin) => string | undefined,
): readonly string[] {
  const { passedOver, winner } = decision
  // The last ones stand next to the winner and are the ones that one wonders about.
  const shown = passedOver.slice(-PASSED_OVER_MAX)
  const hidden = passedOver.length - shown.length
  return [
    ...(hidden > 0 ? [`  … ${hidden} more that come before these`] : []),
    ...shown.map(({ origin, match, failed }) => {
      const { condition, expected, actual } = failed
      return `  ✗ ${ruleText(origin, match, referenceOf)}: ${condition} is ${quote(actual)}, must be ${expected}`
    }),
    ...(winner === undefined ? [] : [`  ✔ ${ruleText(winner.origin, winner.match, referenceOf)}`]),
  ]
}

function quote(text: string): string {
  return text === 'absent' ? text : JSON.stringify(text)
}

function ruleText(
  origin: Origin,
  match: number,
  referenceOf: (origin: Origin) => string | undefined,
): string {
  const rule = origin.rule === undefined ? '' : `, rule ${origin.rule}`
  const reference = referenceOf(origin)
  const place = reference === undefined ? '' : ` (${reference})`
  return `${originText(origin)}${rule}, match ${match}${place}`
}

function originText(origin: Origin): string {
  return `${origin.kind} ${origin.namespace}/${origin.name}`
}

function outcomeLines(
  outcome: Outcome,
  referenceOf: (origin: Origin) => string | undefined,
): readonly string[] {
  switch (outcome.kind) {
    case 'respond':
      return [`  → ${outcome.status}: ${outcome.reason}`]
    case 'redirect':
      return [`  → ${outcome.status} to ${outcome.location}`]
    case 'passthrough':
      return [`  → to the address that was dialled: ${outcome.reason}`]
    case 'service':
      return [destinationLine(outcome.destination, referenceOf)]
    case 'forward':
      return [
        ...(outcome.path === undefined ? [] : [`  path becomes ${outcome.path}`]),
        ...(outcome.authority === undefined ? [] : [`  host becomes ${outcome.authority}`]),
        ...outcome.destinations.map((destination) => destinationLine(destination, referenceOf)),
      ]
  }
}

function destinationLine(
  destination: ExplainedDestination,
  referenceOf: (origin: Origin) => string | undefined,
): string {
  const { share, host, port, subset, endpoints, isUnknown, fault, policy } = destination
  const percent = share === 1 ? '' : `${Number((share * 100).toFixed(2))} % `
  const name = port === 0 ? host : `${host}:${port}${subset === undefined ? '' : ` subset ${subset}`}`
  const reference = policy && referenceOf(policy)
  const by =
    policy === undefined ? '' : ` by ${originText(policy)}${reference === undefined ? '' : ` (${reference})`}`
  const known = endpoints.length === 0 ? 'the address that was dialled' : endpoints.join(', ')
  const end = fault ?? (isUnknown ? 'its pods, which no object here names' : known)
  return `  → ${percent}${name}${by}: ${end}`
}
