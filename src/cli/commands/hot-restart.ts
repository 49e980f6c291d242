import { systemClock } from '../../base/index.ts'
import { runningProcess, signalProcess } from '../../local-cluster/index.ts'
import { stateOf } from '../cluster.ts'
import type { CommandCall } from '../command-call.ts'
import { CliError, ExitCode } from '../exit.ts'

const NAME = 'node-proxy'
const DEADLINE_MS = 95_000
const POLL_MS = 50

/** Asks the supervisor for another process in the place of the node proxy, and waits until it serves. */
export async function run(call: CommandCall): Promise<void> {
  const { run: directory, logs } = stateOf(call)
  const supervisor = runningProcess(directory, 'supervisor')
  const before = runningProcess(directory, NAME)
  if (supervisor === undefined || before === undefined)
    throw new CliError('the cluster is down; `lateen up` starts it', ExitCode.unavailable)
  signalProcess(supervisor, 'SIGUSR2')
  const deadline = performance.now() + DEADLINE_MS
  for (;;) {
    const serving = runningProcess(directory, NAME)
    if (serving !== undefined && serving.pid !== before.pid) {
      console.log(`✔ process ${serving.pid} serves in the place of ${before.pid}, which finishes what it has`)
      return
    }
    if (performance.now() > deadline) {
      throw new CliError(
        `no other process took over within ${DEADLINE_MS / 1000} s; process ${before.pid} goes on. The reason is in ${logs}/${NAME}.log`,
        ExitCode.unavailable,
      )
    }
    await systemClock.sleep(POLL_MS)
  }
}
