/**
 * client-go and controller-runtime against a cluster: the Go program in `go/`, built before, run once; each of its tests is one here.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startCluster, type TestCluster } from '../support/cluster.ts'
import { runCommand } from '../support/command.ts'
import { REPOSITORY } from '../support/source-tree.ts'

const PROGRAM = join(REPOSITORY, '.tools/clients/go.test')

let cluster: TestCluster
before(async () => {
  assert.ok(existsSync(PROGRAM), `${PROGRAM} is not built; \`npm run test:clients\` builds it`)
  cluster = await startCluster()
})
after(() => cluster.stop())

test('client-go', async (context) => {
  const { stdout, stderr, status } = await runCommand(PROGRAM, ['-test.v', '-test.timeout=150s'], {
    env: { KUBECONFIG: cluster.kubeconfig, LATEEN_STATE: cluster.stateDirectory },
    timeoutMs: 160_000,
  })
  const results = [...stdout.matchAll(/^--- (PASS|FAIL|SKIP): (\S+) \((\S+)\)$/gm)]
  assert.ok(results.length > 0, stdout + stderr)
  for (const [, result, name = '', seconds] of results) {
    await context.test(`${name} (${seconds})`, () => {
      assert.equal(result, 'PASS', failureOf(stdout, name))
    })
  }
  assert.equal(status, 0, stdout.slice(-4000) + stderr.slice(-4000))
})

/** What the program printed while the test ran: the lines between its beginning and its result. */
function failureOf(output: string, name: string): string {
  const start = output.indexOf(`=== RUN   ${name}\n`)
  const end = output.indexOf(`--- FAIL: ${name} `, start)
  return output.slice(start, end === -1 ? start + 4000 : end)
}
