/** The main job as a newcomer runs it: it stays up until Ctrl-C, and then leaves nothing running. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ask } from '../../src/cli/demo/sampling.ts'
import { runCommand } from '../support/command.ts'
import { REPOSITORY } from '../support/source-tree.ts'
import { waitFor } from '../support/wait.ts'

test('the walkthrough goes through every mode, stays up, and Ctrl-C takes the cluster down', async () => {
  const stateDirectory = mkdtempSync(join(tmpdir(), 'lateen-demo-'))
  const child = spawn(process.execPath, ['scripts/start.ts'], {
    cwd: REPOSITORY,
    env: {
      ...process.env,
      LATEEN_STATE: stateDirectory,
      PATH: `${REPOSITORY}/.tools/bin:${process.env['PATH']}`,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a group of its own, as a terminal gives it: Ctrl-C goes to all of it
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const ended = once(child, 'exit')
  await waitFor('the farewell', () => output.includes('Ctrl-C stops the cluster') || child.exitCode !== null)
  assert.match(output, /✔ Every routing mode did what it says/, output)
  const address = /Open +http:\/\/(\S+)\/app/.exec(output)?.[1] ?? ''
  assert.equal((await ask({ address, path: '/api/version' })).status, 200)
  assert.equal(child.exitCode, null, 'it stays up')
  process.kill(-(child.pid ?? 0), 'SIGINT')
  const [code] = (await ended) as [number | null]
  assert.equal(code, 0, output)
  assert.match(output, /✔ The cluster is down/)
  const left = await runCommand('sh', ['-c', `pgrep -f 'state-di[r] ${stateDirectory}' || true`])
  assert.equal(left.stdout, '')
  rmSync(stateDirectory, { recursive: true, force: true })
})
