import { Socket } from 'node:net'
import { createWheelTimer, type TimerWheel } from './timer-wheel.ts'

/** Envoy's: so long each address has for itself. */
const ATTEMPT_MS = 300

interface HandleHolder {
  _handle: object | null
  connecting: boolean
}

/** How Node itself gives a socket, of TLS too, another handle while it is connecting. Found by its name. */
const ADOPT = Object.getOwnPropertySymbols(Socket.prototype).find(
  (symbol) => symbol.description === 'kReinitializeHandle',
)

/** Whether several addresses can be tried for one socket; otherwise the first has to do. */
export const canRace = ADOPT !== undefined

/** Given as `lookup`, it keeps a socket connecting until it is given the connection that was made for it. */
export function pendingLookup(): void {}

/**
 * Happy eyeballs (RFC 8305): one address after the other is tried, each with little time before the next is tried
 * beside it. The first connection that comes about becomes the socket's. Node can do this for sockets that it opens
 * itself, in the process's own namespace; with TLS over a socket of ours it would crash.
 * @param socket connects by `pendingLookup`, and reads by `onread` or has TLS
 * @param connect opens a socket that nobody reads
 * @param header goes first, before TLS
 */
export function race(
  socket: Socket,
  attempts: {
    readonly addresses: readonly string[]
    readonly connect: (address: string) => Socket
    readonly wheel: TimerWheel
    readonly header: Buffer | undefined
  },
): void {
  const waiting = [...attempts.addresses]
  const racers = new Set<Socket>()
  const timer = createWheelTimer(next)
  let over = false
  let lastError: Error | undefined

  function finish(): void {
    over = true
    attempts.wheel.clear(timer)
    for (const racer of racers) racer.destroy()
    racers.clear()
  }

  function next(): void {
    const address = waiting.shift()
    if (address === undefined) return
    const racer = attempts.connect(address)
    racers.add(racer)
    if (waiting.length > 0) attempts.wheel.set(timer, ATTEMPT_MS)
    racer.on('connect', () => {
      if (over) return
      racers.delete(racer)
      finish()
      if (attempts.header !== undefined) racer.write(attempts.header)
      adopt(socket, racer)
    })
    racer.on('error', (error: Error) => {
      lastError = error
    })
    racer.on('close', () => {
      racers.delete(racer)
      if (over) return
      if (waiting.length > 0) next()
      else if (racers.size === 0) {
        finish()
        socket.destroy(lastError)
      }
    })
  }

  socket.on('close', finish)
  next()
}

function adopt(socket: Socket, winner: Socket): void {
  const from = winner as unknown as HandleHolder
  const handle = from._handle
  if (socket.destroyed || handle === null || ADOPT === undefined) {
    winner.destroy()
    return
  }
  from._handle = null
  const to = socket as unknown as HandleHolder & Record<symbol, (handle: object) => void>
  to[ADOPT]?.(handle)
  to.connecting = false
  socket.setNoDelay(true)
  socket.emit('connect')
  socket.emit('ready')
  if (!socket.isPaused()) socket.read(0)
}
