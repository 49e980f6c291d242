import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeFileSync,
} from 'node:fs'

/** Written whole or not at all, so that kill -9 between two bytes leaves the old content. */
export function writeFileAtomic(path: string, content: string | Uint8Array, mode = 0o600): void {
  writeFileSync(`${path}.new`, content, { mode })
  renameSync(`${path}.new`, path)
}

/** @returns undefined when there is no such file */
export function readTextIfExists(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** @returns undefined when the file is missing or is not JSON: written atomically, it is one of ours or nothing */
export function readJsonIfExists(path: string): unknown {
  const text = readTextIfExists(path)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The end of a text file, in whole lines where it can be. @returns undefined when there is nothing */
export function readTail(
  path: string,
  most: { readonly lines: number; readonly bytes: number },
): string | undefined {
  if (!existsSync(path)) return undefined
  const fd = openSync(path, 'r')
  try {
    const size = fstatSync(fd).size
    const buffer = Buffer.alloc(Math.min(size, most.bytes))
    readSync(fd, buffer, 0, buffer.length, size - buffer.length)
    const text = buffer
      .toString('utf8')
      .split('\n')
      .slice(-most.lines - 1)
      .join('\n')
      .trim()
    return text === '' ? undefined : text
  } finally {
    closeSync(fd)
  }
}
