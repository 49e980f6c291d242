import { createRequire } from 'node:module'
import { constants } from 'node:os'

/** The few calls of the C library that Node has no binding for. Each returns -1 on failure. */
export interface Libc {
  readonly open: (path: string, flags: number) => number
  readonly close: (fd: number) => number
  readonly setns: (fd: number, kind: number) => number
  readonly socket: (family: number, type: number, protocol: number) => number
  readonly bind: (fd: number, address: Uint8Array, length: number) => number
  readonly listen: (fd: number, backlog: number) => number
  readonly setsockopt: (fd: number, level: number, name: number, value: Uint8Array, length: number) => number
  readonly getsockopt: (
    fd: number,
    level: number,
    name: number,
    value: Uint8Array,
    length: Uint8Array,
  ) => number
  readonly send: (fd: number, bytes: Uint8Array, length: number, flags: number) => number
  readonly recv: (fd: number, buffer: Uint8Array, length: number, flags: number) => number
  readonly connect: (fd: number, address: Uint8Array, length: number) => number
  readonly fcntl: (fd: number, command: number, argument: number) => number
  readonly sendmsg: (fd: number, message: Uint8Array, flags: number) => number
  readonly recvmsg: (fd: number, message: Uint8Array, flags: number) => number
  /** Where a buffer's bytes are, for structures that point at them. It must live outside the heap (`allocUnsafeSlow`). */
  readonly addressOf: (buffer: Uint8Array) => bigint
  readonly ioctl: (fd: number, request: number, argument: Uint8Array) => number
  readonly madvise: (address: number, length: number, advice: number) => number
  readonly malloc_trim: (keep: number) => number
  readonly errno: () => number
}

// The one module-level state of this folder: the library is loaded at first use (it costs 20 ms and a
// process which needs no namespaces must work without the optional addon), and then never changes.
let loaded: Libc | undefined

/** @throws when the optional dependency koffi is not installed */
export function libc(): Libc {
  loaded ??= load()
  return loaded
}

/** A failed system call as an error: which call, on what, and the system's reason. */
export function systemError(call: string, subject: string): Error {
  const errno = libc().errno()
  const code = Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`
  const error = new Error(`${call} ${subject} failed: ${code}${remedyFor(code)}`)
  return Object.assign(error, { code, syscall: call })
}

function remedyFor(code: string): string {
  if (code === 'EPERM') return ' (this needs root, or CAP_SYS_ADMIN and CAP_NET_ADMIN in its user namespace)'
  if (code === 'ENOENT') return ' (the namespace is gone: was the pod deleted?)'
  return ''
}

function load(): Libc {
  const koffi = requireKoffi()
  const library = koffi.load('libc.so.6')
  return {
    open: library.func('int open(const char *path, int flags)') as Libc['open'],
    close: library.func('int close(int fd)') as Libc['close'],
    setns: library.func('int setns(int fd, int kind)') as Libc['setns'],
    socket: library.func('int socket(int family, int type, int protocol)') as Libc['socket'],
    bind: library.func('int bind(int fd, const uint8_t *address, uint32_t length)') as Libc['bind'],
    listen: library.func('int listen(int fd, int backlog)') as Libc['listen'],
    setsockopt: library.func(
      'int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)',
    ) as Libc['setsockopt'],
    getsockopt: library.func(
      'int getsockopt(int fd, int level, int name, void *value, void *length)',
    ) as Libc['getsockopt'],
    send: library.func('long send(int fd, const uint8_t *bytes, size_t length, int flags)') as Libc['send'],
    recv: library.func('long recv(int fd, void *buffer, size_t length, int flags)') as Libc['recv'],
    connect: library.func('int connect(int fd, const uint8_t *address, uint32_t length)') as Libc['connect'],
    fcntl: library.func('int fcntl(int fd, int command, int argument)') as Libc['fcntl'],
    sendmsg: library.func('long sendmsg(int fd, const uint8_t *message, int flags)') as Libc['sendmsg'],
    recvmsg: library.func('long recvmsg(int fd, void *message, int flags)') as Libc['recvmsg'],
    addressOf: (buffer) => koffi.address(buffer),
    ioctl: library.func('int ioctl(int fd, unsigned long request, void *argument)') as Libc['ioctl'],
    madvise: library.func('int madvise(uintptr_t address, size_t length, int advice)') as Libc['madvise'],
    malloc_trim: library.func('int malloc_trim(size_t keep)') as Libc['malloc_trim'],
    errno: () => koffi.errno(),
  }
}

function requireKoffi(): typeof import('koffi') {
  try {
    return createRequire(import.meta.url)('koffi') as typeof import('koffi')
  } catch (cause) {
    throw new Error(
      'calls into network namespaces need the npm package koffi, which did not load: run npm ci again',
      { cause },
    )
  }
}
