import { type Clock, deepEqual, type Logger, type Random, type Source } from '../../base/index.ts'
import type { KubeObject } from '../../kube/index.ts'
import { isAlreadyExists, isNotFound, KINDS, type KubeClient } from '../../kube/client/index.ts'
import { createDeploymentController } from '../deployment/index.ts'
import { type CertificateAuthority, createRootCertificateController } from '../identity/index.ts'
import { createStatusWriter } from '../status/index.ts'
import {
  BUILT_IN_CLASS,
  CONTROLLER_NAME,
  GATEWAY_NAME_LABEL,
  SOURCE_KINDS,
  type Sources,
  type Translation,
} from '../translate/index.ts'
import { GATEWAY_EXPERIMENTAL_GROUP, GATEWAY_GROUP, type GatewayClass } from '../resources/index.ts'
import type { LiveProxySettings } from './proxy-settings.ts'
import { observedObject } from './watch.ts'
import { createCaBundlePatcher } from './webhook-config.ts'

export interface ControllersOptions {
  readonly client: KubeClient
  readonly sources: Sources
  readonly translation: Translation
  readonly authority: CertificateAuthority
  readonly proxySettings: LiveProxySettings
  readonly revision: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** What only one replica does: everything that writes to the API server. Runs until the signal. */
export async function runControllers(options: ControllersOptions, signal: AbortSignal): Promise<void> {
  const { client, sources, translation, clock, random, logger } = options
  const common = { client, clock, random }
  const rootCertificate = (): string => options.authority.trustBundle().join('')
  const patcher = createCaBundlePatcher({
    ...common,
    revision: options.revision,
    rootCertificate,
    logger: logger.scope('webhook'),
  })
  const roots = createRootCertificateController({
    ...common,
    rootCertificate,
    namespace: (name) => sources.namespaces.get(name),
    logger: logger.scope('rootcert'),
  })
  const deployments = createDeploymentController({
    ...common,
    wanted: translation.gatewayDeployments,
    settings: options.proxySettings.current,
    logger: logger.scope('gateway'),
  })
  const statuses = createStatusWriter({
    ...common,
    statuses: translation.statuses,
    observed: (update) => observedObject(sources, update),
    logger: logger.scope('status'),
    written: ({ key }) => logger.debug('status written', { object: key }),
  })
  const unsubscribe = [
    sources.namespaces.subscribe((changes) => {
      for (const { key, after } of changes) if (after) roots.namespaceChanged(key)
    }),
    watchDeployed(sources, deployments.look),
    watchStatuses(sources, statuses.look),
    sources.gatewayClasses.subscribe((changes) => {
      if (changes.some(({ key, after }) => key === BUILT_IN_CLASS && !after))
        void ensureGatewayClass(client, logger)
    }),
  ]
  options.proxySettings.onChange(() => {
    for (const { key } of translation.gatewayDeployments.list()) deployments.look(key)
  })
  const spreadRoots = (): void => {
    for (const { metadata } of sources.namespaces.list()) roots.namespaceChanged(metadata.name)
  }
  spreadRoots()
  unsubscribe.push(
    options.authority.onChange(() => {
      spreadRoots()
      patcher.rootsChanged()
    }),
  )
  statuses.start()
  deployments.start()
  const classes = keepGatewayClass(options, signal)
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
  for (const stop of unsubscribe) stop()
  await Promise.all([patcher.stop(), roots.stop(), deployments.stop(), statuses.stop(), classes])
}

const GROUPS_WITH_STATUS: ReadonlySet<string> = new Set([GATEWAY_GROUP, GATEWAY_EXPERIMENTAL_GROUP])

/** A status that somebody else wrote over, or that was decided on an old copy of the object. */
function watchStatuses(sources: Sources, look: (key: string) => void): () => void {
  const stops = SOURCE_KINDS.filter(({ kind }) => GROUPS_WITH_STATUS.has(kind.group)).map(
    ({ source, kind }) =>
      (sources[source] as Source<KubeObject>).subscribe((changes) => {
        for (const { key, after } of changes) if (after) look(`${kind.kind}/${key}`)
      }),
  )
  return () => stops.forEach((stop) => stop())
}

/** A Deployment or Service of a Gateway that somebody changed or deleted is put right. */
function watchDeployed(sources: Sources, look: (gatewayKey: string) => void): () => void {
  const consider = (before: KubeObject | undefined, after: KubeObject | undefined): void => {
    const gateway = (after ?? before)?.metadata.labels?.[GATEWAY_NAME_LABEL]
    if (!before || gateway === undefined) return
    // Status and counters change all the time and are not ours.
    if (
      after &&
      deepEqual(before.spec, after.spec) &&
      deepEqual(before.metadata.labels, after.metadata.labels)
    )
      return
    look(`${before.metadata.namespace}/${gateway}`)
  }
  const stops = [
    sources.deployments.subscribe((changes) =>
      changes.forEach(({ before, after }) => consider(before, after)),
    ),
    sources.services.subscribe((changes) => changes.forEach(({ before, after }) => consider(before, after))),
  ]
  return () => stops.forEach((stop) => stop())
}

/** GatewayClass `istio` is there as soon as its definition is (users may apply the Gateway API later). */
async function keepGatewayClass(options: ControllersOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, random, logger } = options
  while (!signal.aborted) {
    if (await ensureGatewayClass(client, logger)) return
    await clock.sleep(500 + 500 * random.next(), signal).catch(() => undefined)
  }
}

/** @returns false when it could not be made now */
async function ensureGatewayClass(client: KubeClient, logger: Logger): Promise<boolean> {
  const object: GatewayClass = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GatewayClass',
    metadata: { name: BUILT_IN_CLASS },
    spec: { controllerName: CONTROLLER_NAME, description: 'The default Istio GatewayClass' },
  }
  try {
    await client.create(KINDS.gatewayClass, object)
    return true
  } catch (error) {
    if (isAlreadyExists(error)) return true
    if (!isNotFound(error)) logger.warn('GatewayClass istio could not be made', { error: String(error) })
    return false
  }
}
