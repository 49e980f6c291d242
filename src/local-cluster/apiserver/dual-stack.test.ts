import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { KubeObject, Service, ServiceSpec } from '../../kube/index.ts'
import { KINDS } from '../../kube/client/index.ts'
import { startTestServer, type TestServer } from './testing.ts'

let dual: TestServer
let single: TestServer
before(async () => {
  dual = await startTestServer({ serviceCidrIpv6: 'fd00:10:43::/112' })
  single = await startTestServer()
})
after(() => Promise.all([dual.stop(), single.stop()]))

function service(name: string, spec: Partial<ServiceSpec>): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { selector: { app: name }, ports: [{ port: 80 }], ...spec },
  }
}

async function made(name: string, spec: Partial<ServiceSpec>, its = dual): Promise<ServiceSpec> {
  return (await its.client.create<Service>(KINDS.service, service(name, spec) as Service)).spec
}

async function changed(name: string, spec: object): Promise<ServiceSpec> {
  return (await dual.client.patch<Service>(KINDS.service, name, 'default', { spec }, { type: 'merge' })).spec
}

const IPV4 = /^10\.43\.\d+\.\d+$/
const IPV6 = /^fd00:10:43::[0-9a-f]{1,4}$/

function assertFamilies(spec: ServiceSpec, policy: string, families: readonly ('IPv4' | 'IPv6')[]): void {
  assert.deepEqual([spec.ipFamilyPolicy, spec.ipFamilies], [policy, families])
  assert.equal(spec.clusterIP, spec.clusterIPs?.[0])
  assert.equal(spec.clusterIPs?.length, families.length)
  families.forEach((family, index) =>
    assert.match(spec.clusterIPs?.[index] ?? '', family === 'IPv4' ? IPV4 : IPV6),
  )
}

describe('on a cluster of both families', () => {
  test('a Service has one address of IPv4 unless it asks for more', async () => {
    assertFamilies(await made('plain', {}), 'SingleStack', ['IPv4'])
    assertFamilies(await made('v6', { ipFamilies: ['IPv6'] }), 'SingleStack', ['IPv6'])
    const prefer = { ipFamilyPolicy: 'PreferDualStack' } as const
    assertFamilies(await made('prefer', prefer), 'PreferDualStack', ['IPv4', 'IPv6'])
    const turned = await made('turned', { ...prefer, ipFamilies: ['IPv6'] })
    assertFamilies(turned, 'PreferDualStack', ['IPv6', 'IPv4'])
    const require = await made('require', { ipFamilyPolicy: 'RequireDualStack' })
    assertFamilies(require, 'RequireDualStack', ['IPv4', 'IPv6'])
  })

  test('requested addresses say the families', async () => {
    const asked = ['fd00:10:43::77', '10.43.0.77']
    const wanted = {
      ipFamilyPolicy: 'RequireDualStack',
      clusterIP: asked[0] ?? '',
      clusterIPs: asked,
    } as const
    const spec = await made('asked', wanted)
    assertFamilies(spec, 'RequireDualStack', ['IPv6', 'IPv4'])
    assert.deepEqual(spec.clusterIPs, asked)
    const taken = made('taken', { ipFamilyPolicy: 'PreferDualStack', clusterIP: 'fd00:10:43::77' })
    await assertRefused(
      taken,
      'spec.clusterIPs: Invalid value: ["fd00:10:43::77"]: failed to allocate IP fd00:10:43::77: provided IP is already allocated',
    )
  })

  test('a headless Service has families and no address', async () => {
    const spec = await made('headless', { clusterIP: 'None', ipFamilyPolicy: 'PreferDualStack' })
    assert.deepEqual([spec.clusterIPs, spec.ipFamilies], [['None'], ['IPv4', 'IPv6']])
  })

  test('the policy leads to a second address and back; the first one stays', async () => {
    const before = await made('changes', {})
    const two = await changed('changes', { ipFamilyPolicy: 'PreferDualStack' })
    assertFamilies(two, 'PreferDualStack', ['IPv4', 'IPv6'])
    assert.equal(two.clusterIP, before.clusterIP)
    const kept = await changed('changes', { ports: [{ port: 81 }] })
    assert.deepEqual(kept.clusterIPs, two.clusterIPs)
    const [first = ''] = two.clusterIPs ?? []
    await assertRefused(
      changed('changes', { clusterIPs: [first, 'fd00:10:43::99'] }),
      `spec.clusterIPs[1]: Invalid value: ["${first}","fd00:10:43::99"]: may not change once set`,
    )
    const one = await changed('changes', { ipFamilyPolicy: 'SingleStack' })
    assertFamilies(one, 'SingleStack', ['IPv4'])
    assert.equal(one.clusterIP, before.clusterIP)
    // The second address is another's to have now.
    const [, second = ''] = two.clusterIPs ?? []
    assert.equal((await made('heir', { clusterIP: second })).clusterIP, second)
  })

  test('two families want a policy that allows them', async () => {
    const detail = (what: string) =>
      `spec.ipFamilyPolicy: Invalid value: "SingleStack": must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`
    await assertRefused(made('bad', { ipFamilies: ['IPv4', 'IPv6'] }), detail('IP families'))
    const addresses = { clusterIP: '10.43.0.78', clusterIPs: ['10.43.0.78', 'fd00:10:43::78'] }
    await assertRefused(made('bad', addresses), detail('cluster IPs'))
  })
})

describe('on a cluster of IPv4 alone', () => {
  test('who requires two families is refused, who prefers them has one', async () => {
    await assertRefused(
      made('require', { ipFamilyPolicy: 'RequireDualStack' }, single),
      'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
    )
    assertFamilies(await made('prefer', { ipFamilyPolicy: 'PreferDualStack' }, single), 'PreferDualStack', [
      'IPv4',
    ])
    await assertRefused(
      made('v6', { ipFamilies: ['IPv6'] }, single),
      'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
    )
    await assertRefused(
      made('v6', { clusterIP: 'fd00:10:43::5' }, single),
      'spec.clusterIPs[0]: Invalid value: ["fd00:10:43::5"]: IPv6 is not configured on this cluster',
    )
  })
})

async function assertRefused(request: Promise<unknown>, detail: string): Promise<void> {
  await assert.rejects(request, (error: Error) => {
    assert.ok(error.message.endsWith(`is invalid: ${detail}`), error.message)
    return true
  })
}
