import { ask } from '../src/cli/demo/sampling.ts'
import { isInstalled } from '../scripts/run.ts'
import { runCommand } from '../test/support/command.ts'
import { waitFor } from '../test/support/wait.ts'
import type { Figure } from './figures.ts'
import { clusterProcesses, cpuMilliseconds } from './processes.ts'
import type { Session } from './session.ts'

const SECONDS = 6
const WARM_UP_SECONDS = 3
const CONNECTIONS = 32

/** The gateway and the frontend's sidecar live in one process, so its time per request is that of both hops. */
export async function measureRequests(session: Session): Promise<readonly Figure[]> {
  if (!isInstalled('wrk')) {
    session.print('• wrk is not installed; on Debian:  apt-get install -y wrk')
    return []
  }
  const { cluster, gateway } = await session.demo()
  const name = await cluster.kubectl(
    'create -f samples/demo/routing/gateway-api/route-round-robin.yaml -n demo -o name',
  )
  const url = `http://${gateway}/app/`
  try {
    await waitFor('the route', async () => (await ask({ address: gateway, path: '/app/' })).status === 200)
    await wrk(url, WARM_UP_SECONDS)
    const { nodeProxy } = clusterProcesses(cluster.stateDirectory)
    const before = cpuMilliseconds(nodeProxy)
    const load = await wrk(url, SECONDS)
    const spent = cpuMilliseconds(nodeProxy) - before
    return [
      { name: 'requests through gateway and sidecar', value: load.requests / SECONDS, unit: '/s' },
      { name: 'node proxy per request, both hops', value: (spent * 1000) / load.requests, unit: 'µs CPU' },
      { name: 'failed requests', value: load.failures, unit: '', most: 0 },
    ]
  } finally {
    await cluster.kubectl(`delete ${name.trim()} -n demo`)
  }
}

async function wrk(url: string, seconds: number) {
  const args = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, url]
  const { status, stdout, stderr } = await runCommand('wrk', args)
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0)
  if (status !== 0 || requests === 0) throw new Error(`wrk ${args.join(' ')}\n${stdout}${stderr}`)
  const answers = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0)
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout) ?? []
  const broken = sockets.slice(1).reduce((sum, count) => sum + Number(count), 0)
  return { requests, failures: answers + broken }
}
