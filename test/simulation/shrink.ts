import type { ClientScript, Scenario } from './scenario.ts'
import { runScenario } from './world.ts'

const RUNS_MAX = 400

/** Leaves parts of a failing scenario out as long as the same law stays broken. */
export async function shrink(scenario: Scenario, violation: string): Promise<Scenario> {
  const wanted = kindOf(violation)
  let small = scenario
  let runs = 0
  for (let isSmaller = true; isSmaller;) {
    isSmaller = false
    for (const candidate of candidatesOf(small)) {
      if (runs++ >= RUNS_MAX) return small
      const { violations } = await runScenario(candidate)
      if (!violations.some((one) => kindOf(one) === wanted)) continue
      small = candidate
      isSmaller = true
      break
    }
  }
  return small
}

/** The same sentence with other numbers is the same finding. */
export function kindOf(violation: string): string {
  return violation.replaceAll(/\d+/g, 'N')
}

function* candidatesOf(scenario: Scenario): Generator<Scenario> {
  const { clients, events, network, config } = scenario
  for (const client of clients) yield { ...scenario, clients: without(clients, client) }
  for (const event of events) yield { ...scenario, events: without(events, event) }
  for (const [index, client] of clients.entries()) {
    for (const smaller of smallerClients(client)) yield { ...scenario, clients: clients.with(index, smaller) }
  }
  if (Object.keys(config.traffic).length > 0) yield { ...scenario, config: { ...config, traffic: {} } }
  if (network.latencyMaxMs > 0) yield { ...scenario, network: { ...network, latencyMaxMs: 0 } }
  if (network.refused + network.hanging > 0)
    yield { ...scenario, network: { ...network, refused: 0, hanging: 0 } }
  const { role: _role, ...asGateway } = scenario
  if (scenario.role !== undefined) yield asGateway
  const { tls: _tls, ...unencrypted } = scenario
  if (scenario.tls !== undefined) yield unencrypted
  const { mirror: _mirror, ...unmirrored } = scenario
  if (scenario.mirror !== undefined) yield unmirrored
  const { sessions = [], ...withoutSessions } = scenario
  if (sessions.length > 0) yield withoutSessions
  for (const session of sessions) yield { ...scenario, sessions: without(sessions, session) }
  if (scenario.hosts > 1) yield { ...scenario, hosts: 1, events: [] }
}

function* smallerClients(client: ClientScript): Generator<ClientScript> {
  const { pace: _pace, stall: _stall, leave: _leave, ...rest } = client
  if (Object.keys(rest).length < Object.keys(client).length) yield rest
  for (const request of client.requests) {
    if (client.requests.length > 1) yield { ...client, requests: without(client.requests, request) }
  }
  for (const [index, request] of client.requests.entries()) {
    for (const answer of request.answers.slice(1)) {
      const smaller = { ...request, answers: without(request.answers, answer) }
      yield { ...client, requests: client.requests.with(index, smaller) }
    }
  }
}

function without<T>(list: readonly T[], one: T): T[] {
  return list.filter((other) => other !== one)
}
