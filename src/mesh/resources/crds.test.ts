import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CustomResourceDefinition, CustomResourceDefinitionVersion } from '../../kube/index.ts'
import { crds, gatewayApiCrds, istioCrds } from './crds.ts'
import { loadOfficialCrds as load, OFFICIAL_SKIP as skip } from './testing/official.ts'

/** Fields that are required in one of v1.4.0 and v1.6.1 only. */
const REQUIRED_IN_ONE: readonly string[] = [
  'gateways.gateway.networking.k8s.io/status/listeners[]/supportedKinds',
  'referencegrants.gateway.networking.k8s.io/spec',
]

describe('our definitions and the official ones', { skip }, () => {
  it('are the same for the Gateway API v1.4.0, descriptions aside', () => {
    compareAll(gatewayApiCrds(), load('gateway-api/v1.4.0/standard'))
  })

  it('are the same for the networking kinds of Istio, descriptions aside', () => {
    const networking = load('istio').filter((crd) => crd.spec.group === 'networking.istio.io')
    compareAll(istioCrds(), networking)
  })

  it('agree with the Gateway API v1.6.1 where they speak of the same: names, columns, required fields, and no field that is gone', () => {
    const newer = new Map(load('gateway-api/v1.6.1/standard').map((crd) => [crd.metadata.name, crd]))
    for (const crd of gatewayApiCrds()) {
      const official = newer.get(crd.metadata.name)
      assert.ok(official, `${crd.metadata.name} is gone`)
      assert.deepEqual(namesOf(crd), namesOf(official))
      for (const version of crd.spec.versions.filter((candidate) => candidate.served)) {
        compareWithNewer(crd.metadata.name, version, versionOf(official, version.name))
      }
    }
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
    names: namesOf(crd),
    scope: crd.spec.scope,
    versions: [...crd.spec.versions].sort((a, b) => (a.name < b.name ? -1 : 1)),
  })
}

function namesOf(crd: CustomResourceDefinition): unknown {
  return plain(crd.spec.names)
}

/** Without descriptions and empty subresources; lists whose order means nothing are sorted. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
    .filter(([key, member]) => !(key === 'description' && typeof member === 'string'))
    .filter(([key, member]) => !(key === 'subresources' && Object.keys(member as object).length === 0))
    .map(([key, member]) => {
      const isSet = (key === 'required' || key === 'enum') && Array.isArray(member)
      return [key, isSet ? member.map(String).sort() : plain(member)] as const
    })
  return Object.fromEntries(entries)
}

function versionOf(crd: CustomResourceDefinition, name: string): CustomResourceDefinitionVersion {
  const found = crd.spec.versions.find((candidate) => candidate.name === name)
  assert.ok(found, `${crd.metadata.name} ${name} is gone`)
  return found
}

function compareWithNewer(
  name: string,
  ours: CustomResourceDefinitionVersion,
  newer: CustomResourceDefinitionVersion,
): void {
  assert.deepEqual(plain(ours.additionalPrinterColumns), plain(newer.additionalPrinterColumns))
  const there = fields(newer.schema?.openAPIV3Schema)
  for (const [field, isRequired] of fields(ours.schema?.openAPIV3Schema)) {
    assert.ok(there.has(field), `${name}${field} is gone`)
    if (REQUIRED_IN_ONE.includes(name + field)) continue
    assert.equal(there.get(field), isRequired, `${name}${field}: required`)
  }
}

/** Every field by its path, and whether it is required. */
function fields(
  schema: unknown,
  path = '',
  found = new Map<string, boolean>(),
): ReadonlyMap<string, boolean> {
  if (typeof schema !== 'object' || schema === null) return found
  const { properties, items, additionalProperties, required } = schema as {
    readonly properties?: Readonly<Record<string, unknown>>
    readonly items?: unknown
    readonly additionalProperties?: unknown
    readonly required?: readonly string[]
  }
  for (const [name, member] of Object.entries(properties ?? {})) {
    found.set(`${path}/${name}`, required?.includes(name) === true)
    fields(member, `${path}/${name}`, found)
  }
  fields(items, `${path}[]`, found)
  fields(additionalProperties, `${path}{}`, found)
  return found
}
