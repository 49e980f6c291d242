import { Socket } from 'node:net'
import { closeFd, duplicateFd, socketFd } from '../../linux/index.ts'

/** What the overload guard has decided, as bits of one number. */
export const OVERLOAD = { keepAliveOff: 1, refuseRequests: 2, refuseConnections: 4 } as const

/** What the threads of a process know of each other: one block of memory that they share. */
export interface ThreadBoard {
  readonly memory: Int32Array
  readonly worker: number
  readonly workers: number
  /** Open downstream connections of the process beyond which further ones are refused; infinite: no bound. */
  readonly connectionsMax: number
  /** Somebody watches the memory: requests and responses ask what is to be left off. */
  readonly isGuarded: boolean
}

const SLOT = { overload: 0, connections: 8 } as const

export function createBoardMemory(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer((SLOT.connections + workers) * Int32Array.BYTES_PER_ELEMENT)
}

export function singleBoard(connectionsMax = Number.POSITIVE_INFINITY, isGuarded = false): ThreadBoard {
  return { memory: new Int32Array(SLOT.connections + 1), worker: 0, workers: 1, connectionsMax, isGuarded }
}

export function overloadOf({ memory }: ThreadBoard): number {
  return memory[SLOT.overload] as number
}

export function setOverload({ memory }: ThreadBoard, bits: number): void {
  Atomics.store(memory, SLOT.overload, bits)
}

/** Connections of one worker, or of all. */
export function openConnections({ memory, workers }: ThreadBoard, worker?: number): number {
  if (worker !== undefined) return Atomics.load(memory, SLOT.connections + worker)
  let sum = 0
  for (let i = 0; i < workers; i++) sum += Atomics.load(memory, SLOT.connections + i)
  return sum
}

/** A worker has died with its connections. */
export function forgetWorker({ memory }: ThreadBoard, worker: number): void {
  Atomics.store(memory, SLOT.connections + worker, 0)
}

/** Accepted connections on their way to those who serve them: counted, refused when there are too many, balanced. */
export interface Intake {
  /** @returns what a server calls with each accepted socket */
  readonly serve: (key: string, onConnection: (socket: Socket) => void) => (socket: Socket) => void
  readonly forget: (key: string) => void
  readonly count: (socket: Socket) => Socket
  /** How many this thread has refused. */
  readonly refused: () => number
  /** A connection that another worker accepted and has no more room for. */
  readonly adopt: (key: string, fd: number) => void
}

/** Connections that a worker may have beyond the one with the fewest, before it gives new ones away. */
const SPREAD_MIN = 1
/** The same as a share: with thousands of them a few more or less are not worth the way to another thread. */
const SPREAD_SHARE = 32

export function createIntake(options: {
  readonly board: ThreadBoard
  /** Sends a descriptor to another worker. Absent: there is none. */
  readonly hand?: ((worker: number, key: string, fd: number) => void) | undefined
}): Intake {
  const { board, hand } = options
  const { memory, worker } = board
  const own = SLOT.connections + worker
  let refused = 0
  const serving = new Map<string, (socket: Socket) => void>()

  function isRefused(): boolean {
    if ((overloadOf(board) & OVERLOAD.refuseConnections) !== 0) return true
    return board.connectionsMax !== Infinity && openConnections(board) >= board.connectionsMax
  }

  /** Envoy's exact balance, with some play: the worker with the fewest connections. */
  function chooseWorker(): number {
    const mine = Atomics.load(memory, own)
    let least = mine
    let chosen = worker
    for (let i = 0; i < board.workers; i++) {
      const count = Atomics.load(memory, SLOT.connections + i)
      if (count < least) {
        least = count
        chosen = i
      }
    }
    return mine - least > SPREAD_MIN + mine / SPREAD_SHARE ? chosen : worker
  }

  function giveAway(socket: Socket, key: string, to: number): boolean {
    const fd = socketFd(socket)
    if (fd === undefined || hand === undefined) return false
    // Counted at once, so that the next connection sees it; the other thread takes this one off when it has it.
    Atomics.add(memory, SLOT.connections + to, 1)
    hand(to, key, duplicateFd(fd))
    socket.destroy()
    return true
  }

  return {
    serve(key, onConnection) {
      serving.set(key, onConnection)
      return (socket) => {
        if (isRefused()) {
          refused++
          socket.resetAndDestroy()
          return
        }
        if (hand !== undefined) {
          const to = chooseWorker()
          if (to !== worker && giveAway(socket, key, to)) return
        }
        onConnection(socket)
      }
    },
    forget: (key) => void serving.delete(key),
    count(socket) {
      Atomics.add(memory, own, 1)
      socket.once('close', () => Atomics.sub(memory, own, 1))
      return socket
    },
    refused: () => refused,
    adopt(key, fd) {
      Atomics.sub(memory, own, 1)
      const onConnection = serving.get(key)
      if (onConnection === undefined) {
        closeFd(fd)
        return
      }
      // As a server's own: nothing is read before somebody asks for it.
      const init = { fd, allowHalfOpen: true, manualStart: true, pauseOnCreate: true }
      onConnection(new Socket(init))
    },
  }
}
