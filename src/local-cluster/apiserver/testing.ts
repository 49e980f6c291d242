import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger, systemClock, systemRandom } from '../../base/index.ts'
import { createKubeClient, type KubeClient } from '../../kube/client/index.ts'
import { createSqliteStore, type Store } from '../store/index.ts'
import { createPki, type Pki } from './auth/pki.ts'
import type { User } from './request.ts'
import { type ApiServer, type ApiServerOptions, createApiServer } from './server.ts'

/** A server over a store in memory, with a client in the same process: what tests of this folder start from. */
export interface TestServer {
  readonly server: ApiServer
  readonly store: Store
  readonly pki: Pki
  readonly client: KubeClient
  readonly directory: string
  readonly stop: () => Promise<void>
}

export const TEST_USER: User = { name: 'tester', groups: ['system:masters', 'system:authenticated'] }

export async function startTestServer(
  options: Partial<ApiServerOptions> & { readonly historyMax?: number } = {},
): Promise<TestServer> {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-apiserver-'))
  const pki = options.pki ?? (await createPki({ directory: join(directory, 'pki'), clock: systemClock }))
  const store = options.store ?? createSqliteStore({ path: ':memory:' })
  const common = { clock: systemClock, random: systemRandom, logger: silentLogger }
  const server = await createApiServer({ ...common, ...options, store, pki })
  return {
    server,
    store,
    pki,
    directory,
    client: createKubeClient(server.localTransport(TEST_USER)),
    async stop() {
      await server.close()
      store.close()
      rmSync(directory, { recursive: true })
    },
  }
}

/** A definition with two versions, a status and a rule, small enough to read. */
export const WIDGET_CRD = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget', shortNames: ['wd'], categories: ['all'] },
    versions: ['v1', 'v1beta1'].map((name) => ({
      name,
      served: true,
      storage: name === 'v1',
      subresources: {
        status: {},
        scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' },
      },
      additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }],
      schema: {
        openAPIV3Schema: {
          type: 'object',
          properties: {
            spec: {
              type: 'object',
              required: ['size'],
              'x-kubernetes-validations': [
                { rule: 'self.size <= self.max', message: 'size must not exceed max' },
                { rule: 'self.color == oldSelf.color', message: 'color is immutable' },
              ],
              properties: {
                size: { type: 'integer', minimum: 0 },
                max: { type: 'integer', default: 10 },
                color: { type: 'string', default: 'red', enum: ['red', 'blue'] },
              },
            },
            status: { type: 'object', properties: { size: { type: 'integer' } } },
          },
        },
      },
    })),
  },
}

export const WIDGETS = {
  group: 'example.com',
  version: 'v1',
  plural: 'widgets',
  kind: 'Widget',
  namespaced: true,
}

export function widget(name: string, size: number) {
  return {
    apiVersion: 'example.com/v1',
    kind: 'Widget',
    metadata: { name, namespace: 'default' },
    spec: { size },
  }
}

export function configMap(name: string, data: Readonly<Record<string, string>> = {}, more: object = {}) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default', ...more }, data }
}
