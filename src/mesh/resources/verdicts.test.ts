import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parseAllDocuments } from 'yaml'
import {
  compileSchema,
  type CustomResourceDefinition,
  formatFieldErrors,
  type KubeObject,
  parseApiVersion,
} from '../../kube/index.ts'
import { crds } from './crds.ts'
import { loadOfficialCrds, OFFICIAL_SKIP } from './testing/official.ts'

interface Verdict {
  readonly name: string
  readonly valid: boolean
  readonly object: KubeObject
}

const VERDICTS = parseAllDocuments(
  readFileSync(new URL('testdata/verdicts.yaml', import.meta.url), 'utf8'),
).map((document) => document.toJS() as Verdict)

describe('our definitions', () => {
  const definitions = crds()
  for (const { name, valid, object } of VERDICTS) {
    it(`${valid ? 'take' : 'refuse'} ${name}`, () => assertVerdict(definitions, object, valid))
  }
})

describe('the official definitions', { skip: OFFICIAL_SKIP }, () => {
  it('come to the same verdicts, with the same errors', () => {
    const ours = crds()
    const theirs = [...loadOfficialCrds('gateway-api/v1.4.0/standard'), ...loadOfficialCrds('istio')]
    for (const { object, valid } of VERDICTS) {
      assertVerdict(theirs, object, valid)
      assert.deepEqual(errorsOf(ours, object), errorsOf(theirs, object))
    }
  })
})

function assertVerdict(
  definitions: readonly CustomResourceDefinition[],
  object: KubeObject,
  valid: boolean,
): void {
  const errors = errorsOf(definitions, object)
  assert.equal(errors.length === 0, valid, `${object.kind}: ${errors.join('; ') || 'no errors'}`)
}

function errorsOf(definitions: readonly CustomResourceDefinition[], object: KubeObject): readonly string[] {
  const { group, version } = parseApiVersion(object.apiVersion)
  const definition = definitions.find(
    (crd) => crd.spec.group === group && crd.spec.names.kind === object.kind,
  )
  const schema = definition?.spec.versions.find((candidate) => candidate.name === version)?.schema
  assert.ok(schema?.openAPIV3Schema, `no schema for ${object.apiVersion} ${object.kind}`)
  const compiled = compileSchema(schema.openAPIV3Schema)
  const pruned = compiled.prune(object)
  assert.deepEqual(pruned.pruned, [], 'a case must not have unknown fields')
  return compiled.validate(compiled.applyDefaults(pruned.value)).map((error) => formatFieldErrors([error]))
}
