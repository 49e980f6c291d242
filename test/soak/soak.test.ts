import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { runSoak } from './soak.ts'

const missing = ['nginx', 'wrk', 'h2load'].filter(
  (name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0,
)
const skip = missing.length > 0 ? `not installed: ${missing.join(', ')}` : false

for (const concurrency of [1, 2]) {
  test(
    `no request fails while configuration changes and another process takes over (${concurrency} workers)`,
    {
      skip,
    },
    async () => {
      const report = await runSoak({ seconds: 6, concurrency, restarts: 1, seed: 1, onLine: () => {} })
      assert.equal(report.restarts, 1)
      for (const { name, requests, failed, words } of report.loads) {
        assert.ok(requests > 0, `${name}: nothing was asked. ${words}`)
        assert.equal(failed, 0, `${name}: ${words}`)
      }
    },
  )
}
