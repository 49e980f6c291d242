import assert from 'node:assert/strict'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startCluster, type TestCluster } from '../support/cluster.ts'

let cluster: TestCluster
before(async () => {
  cluster = await startCluster()
})
after(() => cluster.stop())

test('lateen up says what is wrong with a damaged store, leaves it as it is, and goes on when it is back', async () => {
  const { stateDirectory, kubectl, lateen } = cluster
  const path = join(stateDirectory, 'store.db')
  await kubectl('create configmap kept --from-literal=a=b')
  assert.equal((await lateen('down')).status, 0)
  copyFileSync(path, `${path}.copy`)
  writeFileSync(path, 'this was a database\n'.repeat(500))

  const refused = await lateen('up')
  assert.notEqual(refused.status, 0)
  assert.ok(
    refused.stderr.includes(
      `cannot open the store ${path}: file is not a database; nothing was changed: move the file away, ` +
        'with those whose names begin with its name, to start with an empty cluster, or restore a copy',
    ),
    refused.stderr,
  )

  assert.equal((await lateen('down')).status, 0)
  copyFileSync(`${path}.copy`, path)
  const up = await lateen('up')
  assert.equal(up.status, 0, up.stderr)
  assert.equal(await kubectl('get configmap kept -o jsonpath={.data.a}'), 'b')
})
