/**
 * The thread of the forwarder that stays in the machine's network while the main thread goes into the cluster's: it opens
 * the listening sockets, which stay where they were made, and hands over their descriptors.
 */
import { parentPort } from 'node:worker_threads'
import { openTcpListener } from '../../linux/index.ts'
import type { ListenAnswer, ListenRequest } from './listeners.ts'

const BACKLOG = 512

parentPort?.on('message', ({ id, address, port }: ListenRequest) => {
  parentPort?.postMessage({ id, ...open(address, port) } satisfies ListenAnswer)
})

function open(address: string, port: number): { readonly fd: number } | { readonly error: string } {
  try {
    return { fd: openTcpListener({ address, port, backlog: BACKLOG }) }
  } catch (error) {
    return { error: (error as NodeJS.ErrnoException).code ?? String(error) }
  }
}
