import { spawn } from 'node:child_process'
import { accessSync, closeSync, constants, existsSync, openSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { messageOf, systemClock } from '../../base/index.ts'
import type { Node } from '../../kube/index.ts'
import { KINDS } from '../../kube/client/index.ts'
import {
  CLUSTER_NETWORK,
  createStateDirectory,
  failuresOf,
  forgetFailures,
  lastWords,
  runningProcess,
  type StateDirectory,
  stopProcesses,
} from '../../local-cluster/index.ts'
import { isPrivileged } from '../../linux/index.ts'
import { connect, stateOf } from '../cluster.ts'
import { requireMachine, rootlessLimits } from '../composition/machine.ts'
import { CLUSTER_PROCESSES } from '../composition/processes.ts'
import { defaultStateDirectory, PACKAGE_ROOT, PACKAGE_VERSION, selfCommand } from '../environment.ts'
import { CliError, ExitCode } from '../exit.ts'
import { type CommandCall, textOption } from '../command-call.ts'
import { countOption } from '../options.ts'

const READY_DEADLINE_MS = 60_000
const SUPERVISOR_GRACE_MS = 5_000
/** One end may be bad luck, such as a port that the process before has not let go of yet. */
const FAILURES_MAX = 3

export async function run(call: CommandCall): Promise<void> {
  const fresh = await up(call, (line) => console.log(line))
  const { root, kubeconfig } = stateOf(call)
  const where = root === defaultStateDirectory() ? '' : ` --state-dir ${root}`
  console.log(`
${fresh ? 'The cluster is up.' : 'The cluster was up already.'} To use it:

  eval "$(${PACKAGE_ROOT}/bin/lateen env${where})"     # or: export KUBECONFIG=${kubeconfig}
  kubectl get nodes`)
}

/** Starts the cluster, or picks up what runs; returns when the node is ready. @returns whether this call started it */
export async function up(call: CommandCall, progress: (line: string) => void): Promise<boolean> {
  requireMachine()
  const state = stateOf(call)
  makeStateDirectory(state)
  await leaveOtherVersion(state, progress)
  const running = runningProcess(state.run, 'supervisor') !== undefined
  const listener = isPrivileged() ? 'api-server' : 'forwarder'
  if (!running && !runningProcess(state.run, listener)) await requireFreePort(apiPort(call))
  if (!running) startSupervisor(state, call)
  const started = performance.now()
  await waitUntilReady(call, state)
  progress(
    `✔ Kubernetes ${running ? 'runs already' : `is up (${((performance.now() - started) / 1000).toFixed(1)} s)`}`,
  )
  if (!isPrivileged()) tellOfRootless(state, progress)
  return !running
}

/** The supervisor of another version goes; this version's replaces what it has kept running, one after the other. */
async function leaveOtherVersion(state: StateDirectory, progress: (line: string) => void): Promise<void> {
  const supervisor = runningProcess(state.run, 'supervisor')
  if (supervisor === undefined || supervisor.version === PACKAGE_VERSION) return
  progress(`  replacing version ${supervisor.version ?? '(unknown)'} by ${PACKAGE_VERSION}`)
  await stopProcesses(['supervisor'], {
    runDirectory: state.run,
    clock: systemClock,
    graceMs: SUPERVISOR_GRACE_MS,
  })
}

function tellOfRootless(state: StateDirectory, progress: (line: string) => void): void {
  progress('  without root: its ports are forwarded to 127.0.0.1, and `lateen status` says which')
  for (const limit of rootlessLimits(state)) progress(`  ${limit}`)
}

function makeStateDirectory(state: StateDirectory): void {
  try {
    createStateDirectory(state)
    accessSync(state.run, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new CliError(
      `${state.root} cannot be used: ${messageOf(error)}. If another user has made it (sudo?), be that user, or choose another directory with --state-dir`,
      ExitCode.unavailable,
    )
  }
}

function apiPort(call: CommandCall): number {
  return Number(textOption(call, 'apiPort') ?? CLUSTER_NETWORK.apiPort)
}

/** A taken port would show only as an API server that never gets ready. */
async function requireFreePort(port: number): Promise<void> {
  const server = createServer()
  const taken = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(true))
    server.listen({ host: '127.0.0.1', port }, () => server.close(() => resolve(false)))
  })
  if (taken) {
    throw new CliError(
      `port ${port} of 127.0.0.1 is taken, perhaps by another cluster: stop that program, or choose another port with --api-port`,
      ExitCode.unavailable,
    )
  }
}

/** The supervisor is a process of its own, so that closing the terminal ends nothing. It records itself. */
function startSupervisor(state: StateDirectory, call: CommandCall): void {
  for (const name of CLUSTER_PROCESSES) forgetFailures(state.run, name)
  const log = openSync(join(state.logs, 'supervisor.log'), 'a', 0o600)
  const ports = ['--api-port', String(apiPort(call))]
  const workers = ['--proxy-concurrency', String(countOption(call, 'proxyConcurrency') ?? 1)]
  const { command, args } = selfCommand(['supervise', '--state-dir', state.root, ...ports, ...workers])
  spawn(command, args, { detached: true, stdio: ['ignore', log, log] }).unref()
  closeSync(log)
}

/** @throws CliError at the deadline, and earlier when one of the processes ends again and again */
async function waitUntilReady(call: CommandCall, state: StateDirectory): Promise<void> {
  const deadline = performance.now() + READY_DEADLINE_MS
  const local: CommandCall = { ...call, options: { ...call.options, kubeconfig: state.kubeconfig } }
  for (;;) {
    const missing = (await missingInApi(local, state)) ?? (await missingInNodeProxy(state))
    if (missing === undefined) return
    requireNoCrashLoop(state)
    if (performance.now() > deadline) {
      throw new CliError(
        `the cluster was not ready after ${READY_DEADLINE_MS / 1000} s: ${missing}. Its logs are in ${state.logs}`,
        ExitCode.unavailable,
      )
    }
    await systemClock.sleep(50)
  }
}

async function missingInApi(local: CommandCall, state: StateDirectory): Promise<string | undefined> {
  if (!existsSync(state.kubeconfig)) return 'the API server has not written its kubeconfig'
  try {
    const node = await connect(local).get<Node>(KINDS.node, CLUSTER_NETWORK.nodeName)
    const isReady = node?.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True')
    return isReady ? undefined : `the node ${CLUSTER_NETWORK.nodeName} is not ready`
  } catch (error) {
    return messageOf(error)
  }
}

/** Without it pods would have neither sidecars nor names. */
async function missingInNodeProxy(state: StateDirectory): Promise<string | undefined> {
  const socket = createConnection(state.nodeProxySocket)
  const answers = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
  })
  socket.destroy()
  return answers ? undefined : `the node proxy does not listen on ${state.nodeProxySocket}`
}

/** The supervisor starts what ends for ever again: whoever waits for it is told. */
function requireNoCrashLoop(state: StateDirectory): void {
  for (const name of CLUSTER_PROCESSES) {
    const failures = failuresOf(state.run, name)
    if (failures < FAILURES_MAX) continue
    const log = join(state.logs, `${name}.log`)
    throw new CliError(
      `the cluster's process ${name} has ended ${failures} times. Its log ${log} ends with:\n  ${lastWords(log) ?? '(nothing)'}\nIt is started again and again until \`lateen down\``,
      ExitCode.unavailable,
    )
  }
}
