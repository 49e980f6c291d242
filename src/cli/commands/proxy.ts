import { once } from 'node:events'
import { runProxy } from '../../proxy/index.ts'
import type { CommandCall } from '../command-call.ts'
import { PACKAGE_VERSION, terminationSignal } from '../environment.ts'
import { exitWith } from '../exit.ts'

/** One proxy in this process: what `istio-proxy` runs in a container of a real Kubernetes. */
export async function run(call: CommandCall): Promise<void> {
  const status = await runProxy({
    args: ['proxy', ...call.positional],
    env: process.env,
    version: PACKAGE_VERSION,
    async write(text) {
      if (!process.stdout.write(text)) await once(process.stdout, 'drain')
    },
    signal: terminationSignal(),
  })
  exitWith(status)
}
