/** The main job as a newcomer runs it: it stays up until Ctrl-C, and then leaves nothing running. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ask } from '../../src/cli/demo/sampling.ts'
import { runCommand } from '../support/command.ts'
import { REPOSITORY } from '../support/source-tree.ts'
import { waitFor } from '../support/wait.ts'

const stateDirectory = mkdtempSync(join(tmpdir(), 'lateen-demo-'))
after(async () => {
  // Down it is already, but for a test that has failed.
  await runCommand('bin/lateen', ['down', '--delete', '--state-dir', stateDirectory])
  rmSync(stateDirectory, { recursive: true, force: true })
})

test('Ctrl-C in the middle of the walkthrough takes the cluster down', async () => {
  const job = startMainJob()
  await job.says('$ kubectl get pods -n demo')
  process.kill(-job.pid, 'SIGINT')
  assert.equal(await job.ended, 130, job.output())
  assert.match(job.output(), /Stopped before the end of the walkthrough\.\n✔ The cluster is down/)
  await expectNothingLeft()
})

test('the walkthrough goes through every mode, stays up, and Ctrl-C takes the cluster down', async () => {
  const job = startMainJob()
  await job.says('Ctrl-C stops the cluster')
  assert.match(job.output(), /✔ Every routing mode did what it says/, job.output())
  const address = /Open +http:\/\/(\S+)\/app/.exec(job.output())?.[1] ?? ''
  assert.equal((await ask({ address, path: '/api/version' })).status, 200)
  assert.equal(job.child.exitCode, null, 'it stays up')
  process.kill(-job.pid, 'SIGINT')
  assert.equal(await job.ended, 0, job.output())
  assert.match(job.output(), /✔ The cluster is down/)
  await expectNothingLeft()
})

test('it goes through it again over what is there, and SIGTERM to the command alone takes the cluster down', async () => {
  const job = startMainJob()
  await job.says('Ctrl-C stops the cluster')
  assert.match(job.output(), /✔ Every routing mode did what it says/, job.output())
  process.kill(job.pid, 'SIGTERM')
  assert.equal(await job.ended, 0, job.output())
  await expectNothingLeft()
})

interface MainJob {
  readonly pid: number
  readonly child: ChildProcess
  readonly output: () => string
  readonly says: (text: string) => Promise<unknown>
  /** Its exit status. */
  readonly ended: Promise<number | null>
}

function startMainJob(): MainJob {
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
  return {
    pid: child.pid ?? 0,
    child,
    output: () => output,
    async says(text) {
      await waitFor(text, () => output.includes(text) || child.exitCode !== null)
      assert.ok(output.includes(text), output)
    },
    ended: once(child, 'exit').then(([code]) => code as number | null),
  }
}

async function expectNothingLeft(): Promise<void> {
  const left = await runCommand('sh', ['-c', `pgrep -f 'state-di[r] ${stateDirectory}' || true`])
  assert.equal(left.stdout, '')
}
