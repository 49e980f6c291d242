import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { runCommand } from '../test/support/command.ts'
import { REPOSITORY } from '../test/support/source-tree.ts'
import { waitFor } from '../test/support/wait.ts'
import type { Figure } from './figures.ts'
import type { Session } from './session.ts'

const GOAL_SECONDS = 15
const DEADLINE_MS = 120_000
/** What the main job says, in the order in which it says it. */
const PHASES = [
  { name: 'Kubernetes is up', says: /^✔ Kubernetes/ },
  { name: 'the mesh is installed', says: /^✔ Installation complete/ },
  { name: 'the demo’s pods are ready', says: /^NAME\s+READY|^\s+NAME\s+READY/ },
  { name: 'the gateway has its address', says: /The gateway answers at http:\/\/(\S+)/ },
] as const

/** `npm start` itself, on a machine that has never run it, and once more with the data of the first run. */
export async function measureStart(session: Session): Promise<readonly Figure[]> {
  const state = mkdtempSync(join(tmpdir(), 'lateen-bench-'))
  try {
    const first = await startOnce(state, session)
    session.print('• again, with the data and the compile cache of the first start …')
    const again = await startOnce(state, session)
    return [
      ...first.map((figure) => ({ ...figure, most: GOAL_SECONDS })).map(onlyLastHasGoal),
      ...again.map((figure) => ({ ...figure, name: `again: ${figure.name}` })),
    ]
  } finally {
    await runCommand('bin/lateen', ['down', '--delete', '--state-dir', state])
    rmSync(state, { recursive: true, force: true })
  }
}

function onlyLastHasGoal(figure: Required<Figure>, index: number, all: readonly Figure[]): Figure {
  if (index === all.length - 1) return figure
  const { name, value, unit } = figure
  return { name, value, unit }
}

/** Ends the main job after its first 200 and takes the cluster down, its data kept. */
async function startOnce(state: string, session: Session): Promise<readonly Figure[]> {
  const started = performance.now()
  const child = spawn('npm', ['start', '--silent'], {
    cwd: REPOSITORY,
    env: { ...process.env, LATEEN_STATE: state, HOME: state },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true, // a process group of its own, so that npm, its shell and the job can be ended together
  })
  const seconds = () => (performance.now() - started) / 1000
  const figures: Figure[] = []
  const said: string[] = []
  let address: string | undefined
  let ended = false
  child.on('close', () => {
    ended = true
  })
  createInterface(child.stdout).on('line', (line) => {
    said.push(line)
    const phase = PHASES[figures.length]
    const match = phase?.says.exec(line)
    if (!phase || !match) return
    figures.push({ name: phase.name, value: seconds(), unit: 's' })
    address = match[1]
  })
  try {
    await waitFor(
      'the first 200 through the gateway',
      async () => {
        session.signal.throwIfAborted()
        if (address === undefined) return ended
        return (await fetch(`http://${address}/app/`)).status === 200
      },
      { deadlineMs: DEADLINE_MS, everyMs: 2 },
    )
    if (ended) throw new Error(`npm start ended before its first 200:\n${said.slice(-20).join('\n')}`)
    return [...figures, { name: 'first 200 through the gateway', value: seconds(), unit: 's' }]
  } finally {
    if (!ended && child.pid !== undefined) process.kill(-child.pid, 'SIGINT')
    await waitFor('npm start to end', () => ended)
    await runCommand('bin/lateen', ['down', '--state-dir', state])
  }
}
