import {
  createWorkQueue,
  type Clock,
  deepEqual,
  type Logger,
  messageOf,
  type Random,
} from '../../base/index.ts'
import type { EndpointSlice, Service } from '../../kube/index.ts'
import { createInformer, KINDS, type KubeClient } from '../../kube/client/index.ts'
import { applyNft } from '../../linux/index.ts'
import { type RuleSet, ruleSetFor } from './rules.ts'
import { keptClientsScript, readKeptClients } from './kept-clients.ts'
import { forgetStaleFlows, udpDestinations } from './udp-flows.ts'
import { changeScript, fullScript, type ServiceNetwork } from './script.ts'

export interface ServiceProxyOptions {
  readonly client: KubeClient
  /** One for each family that the machine has. */
  readonly networks: readonly ServiceNetwork[]
  /** Of the node that this process looks after. */
  readonly nodeName: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface ServiceProxy {
  /** Resolves once the first rules are in force. */
  readonly ready: Promise<void>
  readonly stop: () => Promise<void>
}

/**
 * kube-proxy's part: keeps the kernel's rules in step with Services and EndpointSlices. The rules stay in force when
 * this process dies; the next one replaces them in one transaction.
 */
export function createServiceProxy(options: ServiceProxyOptions): ServiceProxy {
  const { client, clock, random, logger } = options
  let applied: readonly RuleSet[] | undefined
  let resolveReady = () => {}
  const ready = new Promise<void>((resolve) => {
    resolveReady = resolve
  })

  // One key: changes that come while nft runs are taken together by the next run.
  const queue = createWorkQueue({
    name: 'service-proxy',
    concurrency: 1,
    retryBaseMs: 50,
    retryMaxMs: 5_000,
    clock,
    random,
    logger,
    reconcile: async () => {
      await Promise.all([services.synced, slices.synced])
      const wanted = options.networks.map(({ family, podCidr }) =>
        ruleSetFor(services.list(), slices.list(), { family, podCidr, nodeName: options.nodeName }),
      )
      const script = await scriptFor(wanted)
      try {
        if (script !== '') await applyNft(script)
        const before = applied
        applied = wanted
        resolveReady()
        wanted.forEach((now, index) => forgetFlows(before?.[index], now))
      } catch (error) {
        applied = undefined // whoever changed the table under us: the next run writes it whole
        throw error
      }
      return undefined
    },
  })
  const scriptFor = async (wanted: readonly RuleSet[]): Promise<string> => {
    const scripts = options.networks.map(async (network, index) => {
      const [now, before] = [wanted[index], applied?.[index]]
      if (now === undefined) return ''
      return before === undefined ? startScript(now, network) : changeScript(before, now)
    })
    return (await Promise.all(scripts)).join('')
  }
  const forgetFlows = (before: RuleSet | undefined, now: RuleSet) => {
    const destinations = udpDestinations(now)
    if (before !== undefined && deepEqual(udpDestinations(before), destinations)) return
    try {
      forgetStaleFlows(destinations, now.family)
    } catch (error) {
      // The rules are in force; only clients that never pause keep to an endpoint that is gone.
      logger.warn('old flows of datagrams go on', { error: messageOf(error) })
    }
  }
  const onChange = () => queue.add('rules')
  const common = { client, clock, random, logger, onChange }
  const services = createInformer<Service>({ ...common, kind: KINDS.service })
  const slices = createInformer<EndpointSlice>({ ...common, kind: KINDS.endpointSlice })
  queue.add('rules')

  return {
    ready,
    async stop() {
      // A run that waits for the first list must get it, or it would never end.
      await queue.stop()
      services.stop()
      slices.stop()
    },
  }
}

/** The whole table anew; clients that keep to an endpoint do so across a restart of this process. */
async function startScript(wanted: RuleSet, network: ServiceNetwork): Promise<string> {
  const kept = await readKeptClients(network.family)
  return fullScript(wanted, network) + keptClientsScript(kept, wanted)
}
