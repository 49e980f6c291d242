import { closeSync, constants, existsSync, openSync, readlinkSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { messageOf } from '../../base/index.ts'
import type { AttachRequest, NodeApi } from '../apiserver/index.ts'
import { openTcpSocket, setTerminalSize } from '../../linux/index.ts'
import type { NodeContext } from './context.ts'
import { readLog } from './logs.ts'
import { execTargetOf } from './pod/exec-target.ts'
import { isRunning, type Slot } from './pod/slot.ts'
import type { PodWorker } from './pod/worker.ts'
import { execInContainer } from './runtime/exec.ts'
import { feedProgram } from './runtime/container-input.ts'
import { waitForInit } from './runtime/process-container.ts'
import { outputFiles } from './runtime/shim.ts'

export interface RemoteApiOptions {
  readonly workers: ReadonlyMap<string, PodWorker>
  readonly context: NodeContext
}

/** What users do inside pods: run commands, join programs, reach ports. */
export function createRemoteApi(
  options: RemoteApiOptions,
): Pick<NodeApi, 'isRunning' | 'exec' | 'attach' | 'connect'> {
  const { workers, context } = options
  const find = ({ podUid, container }: { readonly podUid: string; readonly container: string }) => {
    const worker = workers.get(podUid)
    const slot = worker?.slots().find(({ name }) => name === container)
    return worker === undefined || slot === undefined || !isRunning(slot) ? undefined : { worker, slot }
  }
  return {
    isRunning: (asked) => find(asked) !== undefined,
    async exec(request) {
      const found = find(request)
      const target = found && execTargetOf(context, found.slot)
      if (target === undefined) throw new Error(`container not found ("${request.container}")`)
      return execInContainer({ ...request, target, clock: context.clock })
    },
    async attach(request) {
      const found = find(request)
      if (found === undefined) throw new Error(`container not found ("${request.container}")`)
      await attach(context, found, request)
    },
    async connect({ podUid, port }) {
      const worker = workers.get(podUid)
      if (worker === undefined) throw new Error('the pod is not on this node')
      // What listens on one family alone is found too.
      try {
        return await connectInside(worker.paths.netns, '127.0.0.1', port)
      } catch (error) {
        return await connectInside(worker.paths.netns, '::1', port).catch(() => Promise.reject(error))
      }
    },
  }
}

function connectInside(netns: string, address: string, port: number): Promise<Duplex> {
  const socket = new Socket({
    fd: openTcpSocket({ netns, family: address.includes(':') ? 6 : 4 }),
    allowHalfOpen: true,
  })
  socket.setNoDelay(true)
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => {
      socket.destroy()
      reject(new Error(`dial tcp ${address}:${port}: ${connectWords(error)}`, { cause: error }))
    }
    socket.once('error', onError)
    socket.connect(port, address, () => {
      socket.removeListener('error', onError)
      resolve(socket)
    })
  })
}

function connectWords(error: Error): string {
  return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'
    ? 'connect: connection refused'
    : messageOf(error)
}

/** Joins the program's streams: its input is a pipe that is there if the container asked for one, its outputs are files. */
async function attach(
  context: NodeContext,
  { worker, slot }: { readonly worker: PodWorker; readonly slot: Slot },
  { io, tty }: AttachRequest,
): Promise<void> {
  const { run } = slot
  if (run === undefined) return
  const { directory } = run
  const isFirst = slot.container.stdin === true && !slot.wasAttached
  slot.wasAttached = true
  if (tty) followSize(context, directory, io)
  if (io.stdin !== undefined) {
    const { stdinOnce, tty: onTerminal } = slot.container
    feedProgram({ directory, from: io.stdin, once: stdinOnce === true, tty: onTerminal === true })
  }
  const copy = async ({ file, to }: OutputCopy) => {
    const chunks = readLog(
      { log: file, times: `${file}.times` },
      {
        follow: true,
        timestamps: false,
        signal: io.signal,
        // Who starts a program to talk with it wants its first words too (`kubectl run -i`).
        ...(isFirst ? {} : { tailLines: 0 }),
        live: () => slot.run === run && isRunning(slot),
      },
      context.clock,
    )
    for await (const chunk of chunks) {
      if (to === undefined || to.destroyed) continue
      if (!to.write(chunk)) await drained(to, io.signal)
    }
  }
  const log = worker.paths.container(slot.name).log(run.record.attempt)
  await Promise.all(outputsOf(slot, { log, directory, io }).map(copy))
}

interface OutputCopy {
  readonly file: string
  readonly to: (NodeJS.WritableStream & { readonly destroyed?: boolean }) | undefined
}

/** The outputs of a program that has an input are files of their own; those of any other are together in its log. */
function outputsOf(
  slot: Slot,
  {
    log,
    directory,
    io,
  }: { readonly log: string; readonly directory: string; readonly io: AttachRequest['io'] },
): readonly OutputCopy[] {
  if (slot.container.stdin !== true || slot.container.tty === true)
    return [{ file: log, to: io.stdout ?? io.stderr }]
  const split = outputFiles(directory)
  return [
    { file: split.stdout, to: io.stdout },
    { file: split.stderr, to: io.stderr },
  ]
}

/** Gives the program's terminal the client's size, also when the client is quicker than the program. */
function followSize(context: NodeContext, directory: string, io: AttachRequest['io']): void {
  io.onResize((size) => {
    waitForInit(directory, context.clock)
      .then((pid) => {
        if (pid !== undefined) resize(pid, size)
      })
      .catch((error: unknown) => {
        context.logger.debug('a terminal was not resized', { error: messageOf(error) })
      })
  })
}

function resize(pid: number, size: { readonly columns: number; readonly rows: number }): void {
  const terminal = readlinkSync(join('/proc', String(pid), 'fd/0'))
  if (!terminal.startsWith('/dev/pts/') || !existsSync(terminal)) return
  const fd = openSync(terminal, constants.O_RDWR | constants.O_NOCTTY)
  try {
    setTerminalSize(fd, size)
  } finally {
    closeSync(fd)
  }
}

function drained(output: NodeJS.WritableStream, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      output.removeListener('drain', finish)
      output.removeListener('close', finish)
      signal.removeEventListener('abort', finish)
      resolve()
    }
    output.once('drain', finish)
    output.once('close', finish)
    signal.addEventListener('abort', finish, { once: true })
  })
}
