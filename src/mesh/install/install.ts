import type { Clock } from '../../base/index.ts'
import type { KubeObject, Namespace } from '../../kube/index.ts'
import { isAlreadyExists, KINDS, type KubeClient } from '../../kube/client/index.ts'
import { kindOf } from '../kinds.ts'
import type { Installation } from './installation.ts'
import { COMPONENT_LABEL } from './labels.ts'
import type { Component } from './profile.ts'
import { renderInstallation } from './render.ts'
import { waitUntilReady } from './wait.ts'

/** The writer of everything that an installation applies; Istio's own installer has the same name. */
const FIELD_MANAGER = 'istio-operator'

export interface InstallOptions {
  readonly client: KubeClient
  readonly installation: Installation
  readonly clock: Clock
  /** How long each part may take to become ready. */
  readonly timeoutMs: number
  /** A line for the user, in istioctl's words. */
  readonly progress: (line: string) => void
  readonly signal?: AbortSignal
}

const DONE: Readonly<Record<Component, string>> = {
  base: '✔ Istio core installed ⛵️',
  pilot: '✔ Istiod installed 🧠',
  ingress: '✔ Ingress gateways installed 🛬',
  egress: '✔ Egress gateways installed 🛫',
}

/**
 * Installs, or brings an installation up to what is asked for now. Each part is applied and awaited before the next.
 * @throws Error that names what could not be applied or did not become ready
 */
export async function installMesh(options: InstallOptions): Promise<void> {
  const { client, installation, clock, progress, signal } = options
  await ensureNamespace(client, installation.namespace)
  for (const { component, objects } of renderInstallation(installation)) {
    const definitions = objects.filter((object) => object.kind === 'CustomResourceDefinition')
    const applied = await applyDefinitions(client, definitions)
    for (const object of objects) if (!definitions.includes(object)) await applyObject(client, object)
    const awaited = [...applied, ...objects.filter((object) => object.kind !== 'CustomResourceDefinition')]
    const deadline = clock.monotonic() + options.timeoutMs
    await waitUntilReady(awaited, { client, clock, deadline, ...(signal ? { signal } : {}) })
    progress(DONE[component])
  }
  progress('✔ Installation complete')
}

async function ensureNamespace(client: KubeClient, name: string): Promise<void> {
  if (await client.get(KINDS.namespace, name)) return
  const namespace: Namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }
  try {
    await client.create(KINDS.namespace, namespace)
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
  }
}

/** A definition that somebody else brought (the official files) stays as it is. */
async function applyDefinitions(
  client: KubeClient,
  definitions: readonly KubeObject[],
): Promise<readonly KubeObject[]> {
  const applied: KubeObject[] = []
  for (const definition of definitions) {
    const present = await client.get(KINDS.customResourceDefinition, definition.metadata.name)
    if (present && present.metadata.labels?.[COMPONENT_LABEL] === undefined) continue
    await applyObject(client, definition)
    applied.push(definition)
  }
  return applied
}

async function applyObject(client: KubeClient, object: KubeObject): Promise<void> {
  const { name, namespace } = object.metadata
  try {
    await client.patch(kindOf(object), name, namespace, object, {
      type: 'apply',
      fieldManager: FIELD_MANAGER,
      force: true,
    })
  } catch (error) {
    const where = namespace === undefined ? name : `${namespace}/${name}`
    throw new Error(
      `failed to apply ${object.kind}/${where}: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    )
  }
}
