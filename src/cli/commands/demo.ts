import { parseDurationMs } from '../../base/index.ts'
import { findKubectl, type Kubectl } from '../demo/kubectl.ts'
import { deployDemo, gatewayAddress, walkThrough } from '../demo/walkthrough.ts'
import { connect, stateOf } from '../cluster.ts'
import { reachable } from '../composition/machine.ts'
import { keepRunningUntil, PACKAGE_ROOT, terminationSignal, untilAborted } from '../environment.ts'
import { CliError, exitWith } from '../exit.ts'
import { down } from './down.ts'
import type { CommandCall } from '../command-call.ts'
import { installOnto } from './install.ts'
import { up } from './up.ts'

/** Of a shell's own making: 128 and the number of SIGINT. */
const INTERRUPTED = 130

/** The main job: everything of the article, one step after another, each shown with what came of it. */
export async function run(call: CommandCall): Promise<void> {
  const stopping = terminationSignal()
  const print = (line: string) => console.log(line)
  const state = stateOf(call)
  const local: CommandCall = { ...call, options: { ...call.options, kubeconfig: state.kubeconfig } }
  const once = call.options['once'] === true
  const started = performance.now()
  const kubectl = findKubectl(state.kubeconfig, print)

  print('Lateen: a Kubernetes of one machine, the mesh, and the demo application on it\n')
  const startedHere = await up(local, print)
  const end = async () => {
    if (startedHere) await down(local, { delete: false, print })
  }
  const walk = show(local, { kubectl, started, print: (line) => !stopping.aborted && print(line) })
  let shown: Shown | undefined
  try {
    shown = await Promise.race([walk, untilAborted(stopping).then(() => undefined)])
  } catch (error) {
    // Ctrl-C reaches kubectl too, which fails by it.
    if (!stopping.aborted) {
      if (once) await end()
      else if (startedHere) print('The cluster goes on running, to be looked at; `lateen down` stops it.')
      throw error
    }
  }
  if (shown === undefined) {
    print('\nStopped before the end of the walkthrough.')
    await end()
    exitWith(INTERRUPTED)
  }
  if (!once) {
    print(farewell(shown.address, state.kubeconfig))
    await keepRunningUntil(stopping)
  }
  await end()
  if (once && shown.problems.length > 0)
    throw new CliError(`${shown.problems.length} of the routing modes did not come out as they must`)
}

interface Shown {
  readonly address: string
  readonly problems: readonly string[]
}

async function show(
  call: CommandCall,
  given: { readonly kubectl: Kubectl; readonly started: number; readonly print: (line: string) => void },
): Promise<Shown> {
  const { kubectl, started, print } = given
  await installOnto(connect(call), {
    set: ['profile=default'],
    timeoutMs: parseDurationMs('2m') ?? 0,
    print,
  })
  const options = { kubectl, print, reach: (own: string) => reachable(stateOf(call), own) }
  await deployDemo(options)
  const address = await gatewayAddress(options)
  print(`\n  The gateway answers at http://${address} (${seconds(started)} since the start)`)
  const problems = await walkThrough(options)
  print('')
  if (problems.length > 0) for (const problem of problems) print(`✗ ${problem}`)
  else print(`✔ Every routing mode did what it says (${seconds(started)})`)
  return { address, problems }
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`
}

function farewell(address: string, kubeconfig: string): string {
  return `
Open            http://${address}/app   and   http://${address}/status
In a shell      eval "$(${PACKAGE_ROOT}/bin/lateen env)"     then: kubectl get all -n demo, lateen analyze -n demo
Kubernetes      ${kubeconfig}

Steps 1 to 3 of the README's walkthrough are done, and its first route, route-round-robin.yaml, is applied: delete that
before you create another. Ctrl-C stops the cluster; its data stays until \`bin/lateen down --delete\`.`
}
