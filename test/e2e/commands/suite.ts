import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startCluster, type TestCluster, words } from '../../support/cluster.ts'
import { runCommand } from '../../support/command.ts'
import { waitFor } from '../../support/wait.ts'
import { WEB } from '../../support/web.ts'
import { COMMANDS, type Line } from './table.ts'

const NODE = 'lateen'

/** Runs the table with one kubectl, in a cluster of its own. @param isOld leaves out the lines that only a new one has */
export function commandSuite({
  name,
  program,
  isOld,
}: {
  readonly name: string
  readonly program: string
  readonly isOld: boolean
}): void {
  let cluster: TestCluster
  const run = ({ line, input }: Pick<Line, 'line' | 'input'>) =>
    runCommand(program, words(line.replaceAll('{node}', NODE)), {
      env: { KUBECONFIG: cluster.kubeconfig, HOME: cluster.stateDirectory },
      timeoutMs: 40_000,
      ...(input === undefined ? {} : { input }),
    })
  before(async () => {
    cluster = await startCluster()
    await prepare(cluster)
  })
  after(() => cluster.stop())

  describe(name, () => {
    for (const command of COMMANDS) {
      test(command.name, async () => {
        for (const expected of command.lines.filter(({ isNew }) => !isNew || !isOld)) {
          const { status, stdout, stderr } = await run(expected)
          const told = `${stderr}${stdout}`
          assert.match(told, withNode(expected.says), expected.line)
          assert.equal(status, expected.status, `${expected.line}\n${told}`)
        }
      })
    }
  })
}

async function prepare({ kubectl }: TestCluster): Promise<void> {
  await waitFor('the default service account', () => kubectl('get serviceaccount default'))
  await kubectl('apply -f -', { input: PODS })
  await kubectl('apply -f -', { input: WEB })
  await kubectl('rollout status deployment/web --timeout=30s')
  await kubectl('wait pod/box pod/evicted --for=condition=Ready --timeout=30s')
  await waitFor('a restart', async () => {
    const path = '{.status.containerStatuses[0].restartCount}'
    return Number(await kubectl(`get pod crashes -o jsonpath=${path}`)) > 0
  })
}

function withNode(says: RegExp): RegExp {
  return new RegExp(says.source.replaceAll('{node}', NODE).replaceAll('\\{node\\}', NODE), says.flags)
}

const PODS = `
apiVersion: v1
kind: Pod
metadata: { name: box, labels: { app: box } }
spec:
  terminationGracePeriodSeconds: 1
  initContainers: [{ name: first, image: alpine, command: [sh, -c, 'echo from first'] }]
  containers:
    - { name: a, image: alpine, command: [sh, -c, 'echo one; echo two; echo three; sleep 3600'] }
    - { name: b, image: alpine, command: [sh, -c, 'echo from b; sleep 3600'] }
---
apiVersion: v1
kind: Pod
metadata: { name: crashes }
spec: { containers: [{ name: c, image: alpine, command: [sh, -c, 'echo run; exit 3'] }] }
---
apiVersion: v1
kind: Pod
metadata: { name: ended }
spec:
  restartPolicy: Never
  containers: [{ name: c, image: alpine, command: [sh, -c, 'echo from the start; sleep 1; echo to the end'] }]
---
apiVersion: v1
kind: Pod
metadata: { name: waits }
spec: { containers: [{ name: c, image: none.example.org/none }] }
---
apiVersion: v1
kind: Pod
metadata: { name: evicted, labels: { app: evicted } }
spec: { terminationGracePeriodSeconds: 1, containers: [{ name: c, image: alpine, command: [sleep, "3600"] }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: other }
spec:
  selector: { matchLabels: { app: other } }
  template:
    metadata: { labels: { app: other } }
    spec: { containers: [{ name: web, image: alpine, command: [sleep, "3600"], env: [{ name: TEXT, value: first }] }] }
`
