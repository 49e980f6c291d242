import { globSync, readFileSync, statSync, watch, type FSWatcher } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Clock } from '../base/index.ts'

export interface FileText {
  /** As the user named it, or below the folder that the user named. */
  readonly path: string
  readonly text: string
  /** Found in a folder: what else lies there is left alone. */
  readonly isFound: boolean
}

const PATTERN = '**/*.{yaml,yml,json}'
/** A file that is larger is no configuration. */
const FILE_BYTES_MAX = 64 * 1024 * 1024
/** An editor or `git checkout` changes several files within moments. */
const SETTLE_MS = 20
/** Where the kernel does not tell of changes (network file systems), a look now and then. */
const LOOK_MS = 2000

/**
 * The files that the user named, and the YAML files below the folders, in a fixed order.
 * @throws when one cannot be read, naming it
 */
export function readFiles(paths: readonly string[]): readonly FileText[] {
  return paths.flatMap((named) =>
    filesBelow(named).map((path) => {
      if (statSync(path).size > FILE_BYTES_MAX) throw new Error(`${path} is larger than 64 MiB`)
      return { path, text: readFileSync(path, 'utf8'), isFound: path !== named }
    }),
  )
}

function filesBelow(path: string): readonly string[] {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) throw new Error(`${path} does not exist`)
  if (!stat.isDirectory()) return [path]
  return globSync(PATTERN, { cwd: path })
    .sort()
    .map((name) => join(path, name))
}

/** Calls back when something below the paths may have changed. @returns ends it */
export function watchFiles(paths: readonly string[], clock: Clock, onChange: () => void): () => void {
  const watchers: FSWatcher[] = []
  let cancelSettle: (() => void) | undefined
  let cancelLook: () => void = () => {}
  let closed = false

  function stir(): void {
    if (closed) return
    cancelSettle ??= clock.after(SETTLE_MS, () => {
      cancelSettle = undefined
      onChange()
    })
  }

  function look(): void {
    cancelLook = clock.after(LOOK_MS, () => {
      onChange()
      if (!closed) look()
    })
  }

  for (const path of paths) {
    const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
    // A file is watched through its folder: editors put a new one in its place.
    const watcher = isFolder ? watch(path, { recursive: true }, stir) : watch(dirname(path) || '.', stir)
    watcher.on('error', () => {}) // the look now and then goes on
    watchers.push(watcher)
  }
  look()
  return () => {
    closed = true
    cancelSettle?.()
    cancelLook()
    for (const watcher of watchers) watcher.close()
  }
}
