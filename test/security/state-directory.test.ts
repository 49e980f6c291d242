import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createStateDirectory, stateDirectory } from '../../src/local-cluster/supervisor/state-directory.ts'

test('the state directory is its owner’s alone', () => {
  const parent = mkdtempSync(join(tmpdir(), 'lateen-security-'))
  try {
    const state = stateDirectory(join(parent, 'cluster'))
    createStateDirectory(state)
    for (const path of [state.root, state.run, state.logs, state.pods]) {
      assert.equal(statSync(path).mode & 0o777, 0o700, path)
    }
    for (const path of [state.nodeProxySocket, state.handoverSocket, state.store, state.pki]) {
      assert.ok(path.startsWith(`${state.root}/`), path)
    }
  } finally {
    rmSync(parent, { recursive: true })
  }
})
