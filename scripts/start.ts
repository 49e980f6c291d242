/** The main job: sets the machine up, then runs `lateen demo`.  npm start [-- --once] */
import { join } from 'node:path'
import { REPOSITORY, run, step } from './run.ts'
import { setup } from './setup.ts'

await step('set-up', () => setup({ tests: false }))
// Ctrl-C reaches the whole group: the walkthrough takes the cluster down, and this process waits for it.
process.on('SIGINT', () => {})
process.exitCode = await run(join(REPOSITORY, 'bin/lateen'), ['demo', ...process.argv.slice(2)])
