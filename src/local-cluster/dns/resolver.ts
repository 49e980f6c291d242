import { type Answer, decode } from 'dns-packet'
import { type Random, randomIndex, unreachable } from '../../base/index.ts'
import {
  addressRecords,
  answerQuestion,
  type DnsAnswer,
  type DnsQuestion,
  type DnsZones,
  startOfAuthority,
} from './answer.ts'
import type { Forwarder } from './forwarder.ts'
import {
  type DecodedQuestionType,
  encodeQuestion,
  encodeReply,
  isTruncated,
  parseQuery,
  type Question,
  RCODE,
  rcodeOf,
  refusal,
  type Reply,
  type Transport,
} from './message.ts'
import type { DnsView } from './view.ts'

/** How many names an alias may lead through (Services of type ExternalName that point at each other). */
const ALIASES_MAX = 8

export interface ResolverOptions {
  readonly view: DnsView
  readonly zones: DnsZones
  readonly forwarder: Forwarder
  readonly random: Random
  readonly isSynced: () => boolean
  /** Addresses of names that are for one client alone: those that the mesh gives the pod behind it. */
  readonly namesOf?: NamesOf | undefined
}

/** @param client its address @param name lower case, without the dot at its end */
export type NamesOf = (client: string, name: string) => readonly string[] | undefined

/** From a message to its answer: the cluster's names from memory, the rest from upstream. */
export interface Resolver {
  /** @param client the address that the question came from */
  readonly handle: (message: Buffer, transport: Transport, client?: string) => Promise<Buffer | undefined>
}

export function createResolver(options: ResolverOptions): Resolver {
  const { view, zones, forwarder, random } = options

  const handle = async (
    message: Buffer,
    transport: Transport,
    client?: string,
  ): Promise<Buffer | undefined> => {
    const query = parseQuery(message)
    if (query.kind === 'dropped') return undefined
    if (query.kind === 'refused') return refusal(query.bytes, query.rcode)
    const answer = answerQuestion(query, view, zones)
    const own =
      client === undefined || !query.isRepeatable || !isUnknown(answer) ? undefined : ofClient(client, query)
    if (own !== undefined) return encodeReply(query.packet, own, transport)
    if (answer.kind === 'foreign') return forward(message, query, transport)
    // No name of the cluster has bytes that are no text, or dots within a label.
    if (!query.isRepeatable) return refusal(message, RCODE.noName)
    if (!options.isSynced()) return encodeReply(query.packet, failure(), transport)
    const type = query.packet.questions?.[0]?.type ?? 'A'
    return encodeReply(query.packet, await toReply(answer, type, 0), transport)
  }

  /** Another type than an address is asked of whoever else knows the name. */
  const ofClient = (client: string, { name, type }: DnsQuestion): Reply | undefined => {
    if (options.namesOf === undefined || (type !== 'A' && type !== 'AAAA')) return undefined
    const addresses = options.namesOf(client, name.toLowerCase().replace(/\.$/, ''))
    if (addresses === undefined) return undefined
    const answers = addressRecords(name, type, addresses)
    return { rcode: RCODE.ok, authoritative: true, answers: shuffled(answers, random) }
  }

  const forward = async (message: Buffer, query: Question, transport: Transport): Promise<Buffer> => {
    const say = (reply: Reply): Buffer =>
      query.isRepeatable ? encodeReply(query.packet, reply, transport) : refusal(message, reply.rcode)
    const result = await forwarder.ask(message, transport)
    switch (result.kind) {
      case 'answered':
        return result.bytes
      case 'no-upstream':
        return say({ rcode: RCODE.noName, authoritative: false })
      case 'failed':
        return say(failure())
      default:
        return unreachable(result)
    }
  }

  const toReply = async (answer: DnsAnswer, type: DecodedQuestionType, aliases: number): Promise<Reply> => {
    switch (answer.kind) {
      case 'records': {
        const { additionals } = answer
        return {
          rcode: RCODE.ok,
          authoritative: true,
          answers: shuffled(answer.answers, random),
          additionals,
        }
      }
      case 'no-data':
        return {
          rcode: RCODE.ok,
          authoritative: true,
          authorities: [startOfAuthority(answer.zone, zones.domain)],
        }
      case 'no-name':
        return {
          rcode: RCODE.noName,
          authoritative: true,
          authorities: [startOfAuthority(answer.zone, zones.domain)],
        }
      case 'alias': {
        const behind = await follow(answer.target, type, aliases + 1)
        return { ...behind, answers: [answer.record, ...(behind.answers ?? [])] }
      }
      case 'foreign':
        return failure()
      default:
        return unreachable(answer)
    }
  }

  /** What is behind an alias, in the cluster or outside. */
  const follow = async (target: string, type: DecodedQuestionType, aliases: number): Promise<Reply> => {
    if (aliases > ALIASES_MAX) return failure()
    const answer = answerQuestion({ name: target, type }, view, zones)
    if (answer.kind !== 'foreign') return toReply(answer, type, aliases)
    const question = encodeQuestion(0, target, type)
    let result = await forwarder.ask(question, 'udp')
    if (result.kind === 'answered' && isTruncated(result.bytes)) result = await forwarder.ask(question, 'tcp')
    if (result.kind === 'no-upstream') return { rcode: RCODE.noName, authoritative: false }
    const answers = result.kind === 'answered' ? answersOf(result.bytes) : undefined
    if (result.kind === 'failed' || !answers) return failure()
    return { rcode: rcodeOf(result.bytes), authoritative: false, answers }
  }

  return { handle }
}

/** Kubernetes' own names go before those of the mesh. */
function isUnknown({ kind }: DnsAnswer): boolean {
  return kind === 'foreign' || kind === 'no-name'
}

function failure(): Reply {
  return { rcode: RCODE.serverFailure, authoritative: false }
}

/** @returns undefined for a message that cannot be read */
function answersOf(bytes: Buffer): readonly Answer[] | undefined {
  try {
    return decode(bytes).answers ?? []
  } catch {
    return undefined
  }
}

/** Clients take the first address: in turn every endpoint gets its share. */
function shuffled(answers: readonly Answer[], random: Random): readonly Answer[] {
  const result = [...answers]
  for (let index = result.length - 1; index > 0; index--) {
    const other = randomIndex(random, index + 1)
    const [a, b] = [result[index], result[other]]
    if (a && b) {
      result[index] = b
      result[other] = a
    }
  }
  return result
}
