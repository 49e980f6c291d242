import { parseDurationMs } from '../../base/index.ts'
import { findKubectl } from '../demo/kubectl.ts'
import { deployDemo, gatewayAddress, walkThrough } from '../demo/walkthrough.ts'
import { connect, stateOf } from '../cluster.ts'
import { reachable } from '../composition/machine.ts'
import { PACKAGE_ROOT, untilTerminated } from '../environment.ts'
import { CliError } from '../exit.ts'
import { down } from './down.ts'
import type { CommandCall } from '../command-call.ts'
import { installOnto } from './install.ts'
import { up } from './up.ts'

/** The main job: everything of the article, one step after another, each shown with what came of it. */
export async function run(call: CommandCall): Promise<void> {
  const print = (line: string) => console.log(line)
  const state = stateOf(call)
  const local: CommandCall = { ...call, options: { ...call.options, kubeconfig: state.kubeconfig } }
  const started = performance.now()
  const kubectl = findKubectl(state.kubeconfig, print)

  print('Lateen: a Kubernetes of one machine, the mesh, and the demo application on it\n')
  const startedHere = await up(local, print)
  await installOnto(connect(local), {
    set: ['profile=default'],
    timeoutMs: parseDurationMs('2m') ?? 0,
    print,
  })
  const options = { kubectl, print, reach: (own: string) => reachable(state, own) }
  await deployDemo(options)
  const address = await gatewayAddress(options)
  print(`\n  The gateway answers at http://${address} (${seconds(started)} since the start)`)

  const problems = await walkThrough(options)
  print('')
  if (problems.length > 0) for (const problem of problems) print(`✗ ${problem}`)
  else print(`✔ Every routing mode did what it says (${seconds(started)})`)

  if (call.options['once'] === true) {
    if (startedHere) await down(local, { delete: false, print })
    if (problems.length > 0)
      throw new CliError(`${problems.length} of the routing modes did not come out as they must`)
    return
  }
  print(farewell(address, state.kubeconfig))
  await untilTerminated()
  if (startedHere) await down(local, { delete: false, print })
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`
}

function farewell(address: string, kubeconfig: string): string {
  return `
Open            http://${address}/app   and   http://${address}/status
In a shell      eval "$(${PACKAGE_ROOT}/bin/lateen env)"     then: kubectl get all -n demo, lateen analyze -n demo
Kubernetes      ${kubeconfig}

Everything in the README's walkthrough works by hand now. Ctrl-C stops the cluster; its data stays.`
}
