/** The sets of definitions that the corpus is held against: ours, and the official ones where they are at hand. */
import {
  compileSchema,
  type CompiledSchema,
  type CustomResourceDefinition,
  type KubeObject,
  type StructuralSchema,
} from '../../../src/kube/index.ts'
import { gatewayApiCrds, istioCrds } from '../../../src/mesh/resources/index.ts'
import { loadOfficialCrds } from '../../../src/mesh/resources/testing/official.ts'

export const EDITIONS = ['v1.4.0/standard', 'v1.6.1/standard', 'v1.6.1/experimental', 'istio'] as const
export type Edition = (typeof EDITIONS)[number]

/** One served version of a kind, ready to judge objects. */
export interface Definition {
  readonly edition: Edition
  readonly kind: string
  readonly apiVersion: string
  readonly schema: StructuralSchema
  readonly compiled: CompiledSchema
}

export function ourDefinitions(edition: Edition): readonly Definition[] {
  return definitionsOf(edition, ourCrds(edition))
}

export function officialDefinitions(edition: Edition): readonly Definition[] {
  return definitionsOf(edition, loadOfficialCrds(edition === 'istio' ? edition : `gateway-api/${edition}`))
}

export function definitionFor(
  definitions: readonly Definition[],
  object: KubeObject,
): Definition | undefined {
  return definitions.find(({ kind, apiVersion }) => kind === object.kind && apiVersion === object.apiVersion)
}

export function ourCrds(edition: Edition): readonly CustomResourceDefinition[] {
  switch (edition) {
    case 'istio':
      return istioCrds()
    case 'v1.4.0/standard':
      return gatewayApiCrds({ version: 'v1.4.0', channel: 'standard' })
    case 'v1.6.1/standard':
      return gatewayApiCrds({ version: 'v1.6.1', channel: 'standard' })
    case 'v1.6.1/experimental':
      return gatewayApiCrds({ version: 'v1.6.1', channel: 'experimental' })
  }
}

/** Versions with one schema share what is compiled. */
function definitionsOf(edition: Edition, crds: readonly CustomResourceDefinition[]): readonly Definition[] {
  return crds.flatMap((crd) => {
    const compiled = new Map<string, Pick<Definition, 'schema' | 'compiled'>>()
    const { group, names, versions } = crd.spec
    return versions
      .filter((version) => version.served)
      .map((version) => {
        const schema = version.schema?.openAPIV3Schema ?? {}
        const text = JSON.stringify(schema)
        const known = compiled.get(text) ?? { schema, compiled: compileSchema(schema) }
        compiled.set(text, known)
        const apiVersion = `${group}/${version.name}`
        return { edition, kind: names.kind, apiVersion, ...known }
      })
  })
}
