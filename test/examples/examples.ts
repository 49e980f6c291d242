/** Whether examples of the Gateway API are taken and refused: with the real kubectl, against our API server. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Kubectl, startKubectl } from '../../src/local-cluster/apiserver/testing-kubectl.ts'
import { startTestServer } from '../../src/local-cluster/apiserver/testing.ts'

export interface Examples {
  readonly kubectl: Kubectl
  /** Applies a folder with all that is in it, which must be taken as a whole. @returns how many objects it made */
  readonly take: (folder: string) => Promise<number>
  /** Applies one file, which must be refused. @returns what kubectl says */
  readonly refuse: (file: string) => Promise<string>
  readonly stop: () => Promise<void>
}

/** What the official project expects of a refusal: one of these words. */
const REFUSAL = /is invalid|Invalid value|Unsupported value|missing required field|denied request/
/** The field that a refusal is about: `spec` itself, or what is below it. */
const FIELD = /(^|[\s*])(spec|metadata|status)([.[][^:\s]*)?: /m

/** An API server with these definitions. @param definitions as YAML */
export async function startExamples(definitions: readonly string[]): Promise<Examples> {
  const its = await startTestServer()
  const kubectl = await startKubectl(its)
  await kubectl.kubectl('create -f -', definitions.join('\n---\n'))
  await kubectl.kubectl('wait crds --all --for=condition=Established --timeout=30s')
  return {
    kubectl,
    async take(folder) {
      const { code, out, err } = await kubectl.run(['apply', '--recursive', '-f', folder])
      assert.equal(code, 0, err)
      return out.split('\n').filter((line) => line.endsWith(' created')).length
    },
    async refuse(file) {
      const { code, out, err } = await kubectl.run(['apply', '-f', file])
      assert.notEqual(code, 0, `taken: ${out}`)
      assert.match(err, REFUSAL)
      assert.match(err, FIELD)
      return err
    },
    stop: its.stop,
  }
}

/** The YAML files of a folder and of those in it. */
export function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .map((file) => join(folder, file))
}
