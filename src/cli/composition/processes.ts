import { rmSync, writeFileSync } from 'node:fs'
import { systemClock } from '../../base/index.ts'
import {
  type CommandLine,
  type ProcessSpec,
  runningProcess,
  signalProcess,
  type StateDirectory,
} from '../../local-cluster/index.ts'
import {
  createClusterNamespaces,
  findWayOut,
  HOLDER,
  resolvConfPath,
  wayOutWords,
} from '../../local-cluster/rootless/index.ts'
import { searchPath, selfCommand } from '../environment.ts'

/** Measured: 75 MB at rest instead of 122 with Node's default, and 153 instead of 259 after 2,000 writes. */
const SMALL_YOUNG_GENERATION = ['--max-semi-space-size=4'] as const

/** The processes of every cluster. */
export const CLUSTER_PROCESSES = ['api-server', 'node-proxy'] as const
/** What a cluster without root has besides, in the machine's own network. */
const OUTSIDE_PROCESSES = ['forwarder', 'way-out'] as const
/** In the order in which they are stopped: the supervisor first, or it would start the others again. */
export const STOPPED_PROCESSES = ['supervisor', ...OUTSIDE_PROCESSES, ...CLUSTER_PROCESSES] as const
/** Ends when nothing has to enter the namespaces any more. */
export const LAST_PROCESS = HOLDER

export interface ClusterOptions {
  readonly state: StateDirectory
  readonly apiPort: string
  /** Worker threads of the node proxy. */
  readonly proxyConcurrency: string
}

/** A new API server picks up where the old one was; connections through the node proxy must not end with it. */
const REPLACEMENT = { 'api-server': 'restart', 'node-proxy': 'take-over' } as const

/** What the supervisor keeps running for root. */
export function clusterProcesses(options: ClusterOptions): readonly ProcessSpec[] {
  rmSync(resolvConfPath(options.state), { force: true })
  return CLUSTER_PROCESSES.map((name) => ({
    name,
    commandLine: async () => commandOf(name, options),
    replacement: REPLACEMENT[name],
  }))
}

/** The same for anybody else: in namespaces of their own, with ports forwarded, and a way out where there is one. */
export function rootlessProcesses(options: ClusterOptions): readonly ProcessSpec[] {
  const { state, apiPort } = options
  const namespaces = createClusterNamespaces({ state, clock: systemClock, onNew: () => stopOutside(state) })
  const inside = (name: (typeof CLUSTER_PROCESSES)[number]): ProcessSpec => ({
    name,
    commandLine: async () => prefixed(await namespaces.enter(), commandOf(name, options)),
    replacement: REPLACEMENT[name],
  })
  const forwarder: ProcessSpec = {
    name: 'forwarder',
    commandLine: async () => {
      const { net } = await namespaces.files()
      const words = ['forward', '--state-dir', state.root, '--api-port', apiPort, '--netns', net]
      return prefixed(await namespaces.enterUserOnly(), selfCommand(words, SMALL_YOUNG_GENERATION))
    },
  }
  const found = findWayOut(searchPath())
  writeFileSync(resolvConfPath(state), found.wayOut ? `nameserver ${found.wayOut.nameserver}\n` : '')
  if (found.wayOut === undefined) return [...CLUSTER_PROCESSES.map(inside), forwarder]
  const { wayOut } = found
  const outward: ProcessSpec = {
    name: 'way-out',
    commandLine: async () => {
      const [command = '', ...args] = wayOutWords(wayOut, await namespaces.files())
      return { command, args }
    },
  }
  return [...CLUSTER_PROCESSES.map(inside), forwarder, outward]
}

/** What was started for namespaces that are gone leads nowhere; the supervisor starts it for the new ones. */
function stopOutside(state: StateDirectory): void {
  for (const name of OUTSIDE_PROCESSES) {
    const running = runningProcess(state.run, name)
    if (running !== undefined) signalProcess(running, 'SIGTERM')
  }
}

function commandOf(
  name: (typeof CLUSTER_PROCESSES)[number],
  { state, apiPort, proxyConcurrency }: ClusterOptions,
): CommandLine {
  switch (name) {
    case 'api-server':
      return selfCommand(
        ['api-server', '--state-dir', state.root, '--api-port', apiPort],
        SMALL_YOUNG_GENERATION,
      )
    case 'node-proxy':
      return selfCommand(['node-proxy', '--state-dir', state.root, '--concurrency', proxyConcurrency])
  }
}

function prefixed(words: readonly string[], { command, args }: CommandLine): CommandLine {
  const [first = '', ...rest] = [...words, command, ...args]
  return { command: first, args: rest }
}
