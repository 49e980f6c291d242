import { spawnSync } from 'node:child_process'
import { systemClock } from '../../base/index.ts'
import { explainRefusal, isPrivileged, tryUserNamespace } from '../../linux/index.ts'
import type { StateDirectory } from '../../local-cluster/index.ts'
import {
  createClusterNamespaces,
  findWayOut,
  FORWARD_HOST,
  readForwards,
} from '../../local-cluster/rootless/index.ts'
import { searchPath } from '../environment.ts'
import { CliError, ExitCode } from '../exit.ts'

const TOOLS = [
  { program: 'ip', debianPackage: 'iproute2' },
  { program: 'nft', debianPackage: 'nftables' },
  { program: 'unshare', debianPackage: 'util-linux' },
  { program: 'nsenter', debianPackage: 'util-linux' },
] as const

/** @throws CliError that names what the machine has not, with the command that remedies it */
export function requireMachine(): void {
  const missing = TOOLS.filter(
    ({ program }) => spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status !== 0,
  )
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((tool) => tool.debianPackage))].join(' ')
    throw new CliError(
      `missing on this machine: ${missing.map((tool) => tool.program).join(', ')}. On Debian or Ubuntu:  sudo apt-get install -y ${packages}`,
      ExitCode.unavailable,
    )
  }
  if (isPrivileged()) return
  const refusal = tryUserNamespace()
  if (refusal === undefined) return
  const why = explainRefusal(refusal)
  throw new CliError(
    process.getuid?.() === 0
      ? `root has not all of its rights here (CAP_NET_ADMIN and CAP_SYS_ADMIN: a container?), and user namespaces do not work either: ${why}`
      : `the cluster needs root or user namespaces, and user namespaces do not work: ${why}`,
    ExitCode.unavailable,
  )
}

/** What a cluster without root cannot do on this machine, each with its remedy. */
export function rootlessLimits(state: StateDirectory): readonly string[] {
  const namespaces = createClusterNamespaces({ state, clock: systemClock })
  const found = findWayOut(searchPath())
  return [
    ...(namespaces.hasManyIds() === false
      ? [
          'pods run as one user, whatever their securityContext says: newuidmap, or a line for this user in /etc/subuid and /etc/subgid, is missing. On Debian or Ubuntu:  sudo apt-get install -y uidmap',
        ]
      : []),
    ...(found.wayOut === undefined ? [`pods do not reach other machines: ${found.missing}`] : []),
  ]
}

/** How long the forwarder may take to follow a Service that has just got its address. */
const FORWARD_WAIT_MS = 10_000

/** Where port 80 of a LoadBalancer's address is found from this machine. @throws CliError when no local port leads there */
export async function reachable(state: StateDirectory, address: string): Promise<string> {
  if (isPrivileged()) return address
  const deadline = performance.now() + FORWARD_WAIT_MS
  for (;;) {
    const found = readForwards(state).find((forward) => forward.address === address && forward.port === 80)
    if (found !== undefined) return `${FORWARD_HOST}:${found.localPort}`
    if (performance.now() > deadline) {
      throw new CliError(
        `no port of ${FORWARD_HOST} leads to ${address}:80; see ${state.logs}/forwarder.log`,
        ExitCode.unavailable,
      )
    }
    await systemClock.sleep(50)
  }
}
