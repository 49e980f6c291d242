import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createSqliteStore } from './index.ts'

const ROUNDS = 5
/** A writer is killed when it has acknowledged this many writes in the round. */
const WRITES_BEFORE_KILL = 200

const WRITER = `
import { createSqliteStore } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))}
const store = createSqliteStore({ path: process.argv[1] })
const object = (name, round) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { round } })
const write = async (worker) => {
  for (let count = 0; ; count += 1) {
    const name = 'w' + worker + '-' + process.argv[2] + '-' + count
    const key = { collection: 'core/configmaps', namespace: 'n', name }
    await store.write({ kind: 'put', key, object: object(name, process.argv[2]), expect: 0 })
    process.stdout.write(name + '\\n')
  }
}
for (let worker = 0; worker < 8; worker += 1) void write(worker)
`

/** @returns the names whose writes were acknowledged before the process was killed */
function writeUntilKilled(path: string, round: number): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER, path, String(round)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.split('\n').length > WRITES_BEFORE_KILL) child.kill('SIGKILL')
    })
    child.on('error', reject)
    child.on('close', () => resolve(text.slice(0, text.lastIndexOf('\n')).split('\n')))
  })
}

test('kill -9 under concurrent writers loses no acknowledged write', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-crash-'))
  const path = join(directory, 'store.db')
  const acknowledged: string[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    acknowledged.push(...(await writeUntilKilled(path, round)))
    const store = createSqliteStore({ path })
    for (const name of acknowledged) {
      assert.ok(store.get({ collection: 'core/configmaps', namespace: 'n', name }), `${name} is lost`)
    }
    assert.ok(store.count('core/configmaps') <= store.revision())
    store.close()
  }
  assert.equal(statSync(path).mode & 0o777, 0o600)
  rmSync(directory, { recursive: true })
})
