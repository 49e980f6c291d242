import { createInterface } from 'node:readline/promises'
import { uninstallMesh } from '../../mesh/install/index.ts'
import { connect } from '../cluster.ts'
import type { CommandCall } from '../command-call.ts'
import { CliError, ExitCode } from '../exit.ts'

export async function run(call: CommandCall): Promise<void> {
  const { options } = call
  const purge = options['purge'] === true
  const revision = options['revision']
  if (!purge && typeof revision !== 'string') {
    throw new CliError('say which: --purge for everything, or --revision NAME', ExitCode.usage)
  }
  if (options['skipConfirmation'] !== true && process.stdin.isTTY && !(await isConfirmed(purge))) {
    console.log('Cancelled.')
    return
  }
  await uninstallMesh({
    client: connect(call),
    namespace: String(options['istioNamespace']),
    purge,
    ...(typeof revision === 'string' ? { revision } : {}),
    progress: (line) => console.log(line),
  })
}

async function isConfirmed(purge: boolean): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  const what = purge
    ? 'All Istio resources will be pruned from the cluster'
    : 'The control plane will be removed'
  const answer = await lines.question(`${what}\nProceed? (y/N) `)
  lines.close()
  return /^y(es)?$/i.test(answer.trim())
}
