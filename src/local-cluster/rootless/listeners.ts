import { once } from 'node:events'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

export interface ListenRequest {
  readonly id: number
  readonly address: string
  readonly port: number
}

export type ListenAnswer =
  | { readonly id: number; readonly fd: number }
  | { readonly id: number; readonly error: string }

export interface Listeners {
  /** @returns the descriptor of a listening socket in the machine's network, or why there is none (EADDRINUSE, …) */
  readonly open: (
    address: string,
    port: number,
  ) => Promise<{ readonly fd: number } | { readonly error: string }>
  readonly close: () => Promise<void>
}

/** Must be called before the calling thread goes into another network: a new thread is where its maker is. */
export async function startListeners(): Promise<Listeners> {
  const worker = new Worker(new URL(`./listener-thread${extname(import.meta.filename)}`, import.meta.url))
  const waiting = new Map<number, (answer: ListenAnswer) => void>()
  let asked = 0
  worker.on('message', (answer: ListenAnswer) => {
    waiting.get(answer.id)?.(answer)
    waiting.delete(answer.id)
  })
  await once(worker, 'online')
  return {
    open(address, port) {
      asked += 1
      const id = asked
      worker.postMessage({ id, address, port } satisfies ListenRequest)
      return new Promise((resolve) => waiting.set(id, resolve))
    },
    async close() {
      await worker.terminate()
    },
  }
}
