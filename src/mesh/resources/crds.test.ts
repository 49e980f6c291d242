import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CustomResourceDefinition } from '../../kube/index.ts'
import { crds, gatewayApiCrds, istioCrds } from './crds.ts'
import type { GatewayApiEdition } from './gateway/edition.ts'
import { loadOfficialCrds as load, OFFICIAL_SKIP as skip } from './testing/official.ts'

const EDITIONS: readonly GatewayApiEdition[] = [
  { version: 'v1.4.0', channel: 'standard' },
  { version: 'v1.6.1', channel: 'standard' },
  { version: 'v1.6.1', channel: 'experimental' },
]

describe('our definitions and the official ones', { skip }, () => {
  for (const edition of EDITIONS) {
    const { version, channel } = edition
    it(`are the same for the Gateway API ${version}, channel ${channel}, descriptions aside`, () => {
      compareAll(gatewayApiCrds(edition), load(`gateway-api/${version}/${channel}`))
    })
  }

  it('are the same for the kinds of Istio, descriptions aside', () => {
    compareAll(istioCrds(), load('istio'))
  })
})

describe('our definitions', () => {
  it('each have one stored version, and a group and name that fit together', () => {
    for (const crd of crds()) {
      assert.equal(crd.spec.versions.filter((version) => version.storage).length, 1, crd.metadata.name)
      assert.equal(crd.metadata.name, `${crd.spec.names.plural}.${crd.spec.group}`)
    }
  })

  it('carry the bundle version of the Gateway API, so that the official files of that version apply on top', () => {
    for (const crd of gatewayApiCrds()) {
      assert.equal(crd.metadata.annotations?.['gateway.networking.k8s.io/bundle-version'], 'v1.4.0')
      assert.equal(crd.metadata.annotations?.['gateway.networking.k8s.io/channel'], 'standard')
    }
  })
})

function compareAll(
  ours: readonly CustomResourceDefinition[],
  theirs: readonly CustomResourceDefinition[],
): void {
  const names = (list: readonly CustomResourceDefinition[]): readonly string[] =>
    list.map((crd) => crd.metadata.name).sort()
  assert.deepEqual(names(ours), names(theirs))
  for (const crd of ours) {
    const official = theirs.find((other) => other.metadata.name === crd.metadata.name)
    assert.ok(official)
    assert.deepEqual(summaryOf(crd), summaryOf(official), crd.metadata.name)
  }
}

function summaryOf(crd: CustomResourceDefinition): unknown {
  const { annotations, labels } = crd.metadata
  return plain({
    annotations,
    labels,
    group: crd.spec.group,
    names: crd.spec.names,
    scope: crd.spec.scope,
    versions: [...crd.spec.versions].sort((a, b) => (a.name < b.name ? -1 : 1)),
  })
}

/** Without descriptions and empty subresources; the order of lists counts, since messages follow it. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
    .filter(([key, member]) => !(key === 'description' && typeof member === 'string'))
    .filter(([key, member]) => !(key === 'subresources' && Object.keys(member as object).length === 0))
    .map(([key, member]) => [key, plain(member)] as const)
  return Object.fromEntries(entries)
}
