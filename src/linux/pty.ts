import { closeSync, constants, openSync } from 'node:fs'
import { libc, systemError } from './libc.ts'

const TIOCSWINSZ = 0x5414
const TIOCSPTLCK = 0x40045431
const TIOCGPTN = 0x80045430

/** A pseudo terminal: what the program writes to the slave is read from the master, and the other way round. */
export interface Pty {
  readonly master: number
  readonly slave: number
  /** Such as /dev/pts/3. */
  readonly path: string
  /** Does nothing after `close`. */
  readonly resize: (size: { readonly columns: number; readonly rows: number }) => void
  /** Closes the slave's descriptor here; the program has its own. */
  readonly closeSlave: () => void
  /** Hangs up, when no process has the master any more. */
  readonly close: () => void
}

/** @throws where the machine has no /dev/ptmx or no terminal left */
export function openPty(): Pty {
  const flags = constants.O_RDWR | constants.O_NOCTTY
  const master = openSync('/dev/ptmx', flags)
  let isOpen = true
  try {
    control(master, TIOCSPTLCK, int32(0))
    const number = int32(0)
    control(master, TIOCGPTN, number)
    const path = `/dev/pts/${new DataView(number.buffer).getInt32(0, true)}`
    const slave = openSync(path, flags)
    const closeSlave = closeOnce(slave)
    const closeMaster = closeOnce(master)
    return {
      master,
      slave,
      path,
      resize(size) {
        if (isOpen) setTerminalSize(master, size)
      },
      closeSlave,
      close() {
        isOpen = false
        closeSlave()
        closeMaster()
      },
    }
  } catch (error) {
    closeSync(master)
    throw error
  }
}

/** Tells the terminal's size, and with it every program that runs on it (SIGWINCH). */
export function setTerminalSize(
  fd: number,
  { columns, rows }: { readonly columns: number; readonly rows: number },
): void {
  const size = new Uint8Array(8)
  const view = new DataView(size.buffer)
  view.setUint16(0, rows, true)
  view.setUint16(2, columns, true)
  control(fd, TIOCSWINSZ, size)
}

function control(fd: number, request: number, argument: Uint8Array): void {
  if (libc().ioctl(fd, request, argument) < 0)
    throw systemError('ioctl', `request ${request} of descriptor ${fd}`)
}

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value, true)
  return bytes
}

function closeOnce(fd: number): () => void {
  let open = true
  return () => {
    if (open) closeSync(fd)
    open = false
  }
}
