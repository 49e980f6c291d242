import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type PeerAuthentication, peerAuthenticationName, type PeerTlsMode } from '../model/index.ts'
import { createPeerAuthenticator } from './peer-authentication.ts'

const web = { namespace: 'demo', labels: { app: 'web' } }

function policy(
  name: string,
  more: Partial<Pick<PeerAuthentication, 'mode' | 'ports' | 'createdAt'>> & {
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
  },
): PeerAuthentication {
  const { namespace, labels = {}, ...rest } = more
  return {
    type: 'peer-authentication',
    key: peerAuthenticationName(namespace ?? 'istio-system', name),
    scope: { labels, ...(namespace !== undefined && { namespace }) },
    createdAt: '2026-01-01T00:00:00Z',
    ports: {},
    origin: { kind: 'PeerAuthentication', namespace: namespace ?? 'istio-system', name },
    ...rest,
  }
}

// istio.io: docs/reference/config/security/peer_authentication, and istio/istio pilot/pkg/security/authn/policy_applier_test.go.
describe('what is asked of connections to a workload', () => {
  const mesh = policy('default', { mode: 'strict' })
  const ofNamespace = policy('default', { namespace: 'demo', mode: 'disable' })
  const selecting = policy('web', { namespace: 'demo', labels: { app: 'web' }, mode: 'permissive' })
  const unset = policy('web', { namespace: 'demo', labels: { app: 'web' }, ports: { 8080: 'disable' } })
  const table: readonly (readonly [
    string,
    readonly PeerAuthentication[],
    number,
    PeerTlsMode,
    PeerAuthentication | undefined,
  ])[] = [
    ['nothing said: both are taken', [], 80, 'permissive', undefined],
    ['the mesh', [mesh], 80, 'strict', mesh],
    ['a namespace before the mesh', [mesh, ofNamespace], 80, 'disable', ofNamespace],
    ['a selector before its namespace', [mesh, ofNamespace, selecting], 80, 'permissive', selecting],
    ['what is not said is as the wider scope has it', [mesh, unset], 80, 'strict', mesh],
    ['a port before all', [mesh, ofNamespace, unset], 8080, 'disable', unset],
    [
      'ports without a selector say nothing',
      [policy('p', { namespace: 'demo', ports: { 80: 'strict' } })],
      80,
      'permissive',
      undefined,
    ],
    [
      'another workload’s',
      [policy('api', { namespace: 'demo', labels: { app: 'api' }, mode: 'strict' })],
      80,
      'permissive',
      undefined,
    ],
    [
      'another namespace’s',
      [policy('default', { namespace: 'other', mode: 'strict' })],
      80,
      'permissive',
      undefined,
    ],
    [
      'in the root namespace a selector is ignored',
      [policy('root', { labels: { app: 'api' }, mode: 'strict' })],
      80,
      'strict',
      policy('root', { labels: { app: 'api' }, mode: 'strict' }),
    ],
  ]
  for (const [name, policies, port, mode, by] of table)
    test(name, () => {
      const decision = createPeerAuthenticator(policies).decide(web, port)
      assert.deepEqual(decision, by === undefined ? { mode } : { mode, policy: by })
    })

  test('of two the oldest holds, whatever their order', () => {
    const old = policy('z', { namespace: 'demo', mode: 'strict', createdAt: '2025-01-01T00:00:00Z' })
    const young = policy('a', { namespace: 'demo', mode: 'disable' })
    fc.assert(
      fc.property(fc.shuffledSubarray([old, young, mesh], { minLength: 3 }), (policies) => {
        assert.equal(createPeerAuthenticator(policies).decide(web, 80).policy, old)
      }),
    )
  })
})
