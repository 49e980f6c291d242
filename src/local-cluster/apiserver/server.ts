import type { Clock, Logger, Random } from '../../base/index.ts'
import type { KubeTransport } from '../../kube/client/index.ts'
import type { Store } from '../store/index.ts'
import { createAdmission } from './admission/chain.ts'
import { createWebhookClient } from './admission/webhook-client.ts'
import { startAggregation } from './auth/aggregation.ts'
import { createAuthenticator } from './auth/authenticate.ts'
import { createAuthorizer } from './auth/authorizer.ts'
import type { Pki } from './auth/pki.ts'
import { createTokenIssuer } from './auth/service-account-token.ts'
import { bootstrap } from './bootstrap.ts'
import { builtInResources } from './built-in-resources.ts'
import type { ServerContext } from './context.ts'
import { cleanUpDeletedDefinitions, serveCustomResources } from './crd/manager.ts'
import { createDiscovery } from './discovery.ts'
import { createHttpsServer } from './http/https-server.ts'
import { createLocalTransport } from './http/local-transport.ts'
import { createServiceAllocator, type ServiceRanges } from './kinds/service-allocator.ts'
import { type Advertised, keepKubernetesService } from './kubernetes-service.ts'
import { createObjectTexts } from './list-text.ts'
import type { NodeApi } from './node-api.ts'
import { createOpenApi } from './openapi.ts'
import { createRoutes } from './paths.ts'
import type { User } from './request.ts'
import { createResources } from './resources.ts'
import { metricsResources } from './subresource/metrics.ts'

export interface ApiServerOptions {
  readonly store: Store
  readonly pki: Pki
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** asked at each request for logs: the node is made after the server, from a client of it */
  readonly node?: () => NodeApi | undefined
  readonly serviceRanges?: ServiceRanges
  /** Services' IPv6 addresses, where the machine has IPv6 */
  readonly serviceCidrIpv6?: string | undefined
  /** what the Service `kubernetes` leads to */
  readonly advertised?: Advertised
}

export interface ApiServer {
  /** Opens one more listener. @returns the port, which matters where 0 was asked for */
  readonly listen: (address: { readonly host: string; readonly port: number }) => Promise<number>
  /** For clients in this process; works before `listen`. */
  readonly localTransport: (user: User) => KubeTransport
  /** Ends connections, watches and listeners. The store stays open: it is its owner's. */
  readonly close: () => Promise<void>
}

const SERVICE_RANGES: ServiceRanges = { cidr: '10.43.0.0/16', portFirst: 30000, portLast: 32767 }
const ADVERTISED: Advertised = {
  serviceAddress: '10.43.0.1',
  endpointAddress: '10.42.0.1',
  endpointPort: 6443,
}

/** Resolves when the objects that every cluster has are in the store. */
export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { store, pki, clock, random } = options
  const logger = options.logger.scope('apiserver')
  const resources = createResources([...builtInResources(), ...metricsResources()])
  const stopServing = serveCustomResources(store, resources)
  const tokens = createTokenIssuer(pki.serviceAccountKey)
  const authenticator = createAuthenticator({ store, tokens, clock })
  const authorizer = createAuthorizer(store)
  const webhookClient = createWebhookClient(store)
  const services = createServiceAllocator(store, random, {
    ...(options.serviceRanges ?? SERVICE_RANGES),
    ...(options.serviceCidrIpv6 === undefined ? {} : { cidrIpv6: options.serviceCidrIpv6 }),
  })
  const context: ServerContext = {
    store,
    clock,
    random,
    logger,
    resources,
    admission: createAdmission({
      store,
      resources,
      authorizer,
      client: webhookClient,
      logger,
      random,
      clock,
    }),
    authorizer,
    authenticator,
    tokens,
    services,
    encodedFrames: new WeakMap(),
    objectTexts: createObjectTexts(),
    node: options.node ?? (() => undefined),
  }
  const advertised = options.advertised ?? ADVERTISED
  const discovery = createDiscovery(
    resources,
    () => `${advertised.endpointAddress}:${advertised.endpointPort}`,
  )
  const routes = createRoutes(context, discovery, createOpenApi(resources))
  const https = createHttpsServer({ pki, routes, authenticator, logger })
  await bootstrap(context, advertised)
  const stopKeeping = keepKubernetesService(context, advertised)
  const aggregation = await startAggregation(store, logger)
  const stopCleaning = cleanUpDeletedDefinitions(context)
  return {
    listen: https.listen,
    localTransport: (user) => createLocalTransport(routes, user),
    async close() {
      await https.close()
      stopCleaning()
      stopKeeping()
      aggregation.stop()
      authorizer.stop()
      stopServing()
      services.stop()
      webhookClient.close()
    },
  }
}
