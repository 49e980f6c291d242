/** The main job: sets the machine up, then runs `lateen demo`.  npm start [-- --once] */
import { join } from 'node:path'
import { REPOSITORY, run, step } from './run.ts'
import { setup } from './setup.ts'

await step('set-up', () => setup({ tests: false }))
process.exitCode = await run(
  join(REPOSITORY, 'bin/lateen'),
  ['demo', ...process.argv.slice(2)],
  {},
  (walkthrough) => {
    // The walkthrough takes the cluster down, and this process waits for it. Ctrl-C has reached it already, but a signal
    // that somebody or npm sends to this process alone has not; SIGTERM once is harmless in either case.
    let isTold = false
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => {
        if (!isTold) walkthrough.kill('SIGTERM')
        isTold = true
      })
    }
  },
)
