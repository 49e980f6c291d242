import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { getCompileCacheDir } from 'node:module'
import { extname, join } from 'node:path'
import { type Clock, type Logger, messageOf } from '../base/index.ts'
import type { LocalProxy } from '../proxy/index.ts'
import type { FileText } from './files.ts'
import { type LoadAnswer, type LoadingBirth, type LoadingMessage, modelId } from './loading-protocol.ts'
import { type ConfigurationProblem, formatProblem } from './problem.ts'
import { shareEqual } from './share-equal.ts'

/** Makes the proxy serve what files say. One call at a time. */
export interface Loader {
  /** @returns why it was not taken: the last good configuration goes on serving. @throws when the process that reads them fails */
  readonly take: (files: readonly FileText[]) => Promise<readonly ConfigurationProblem[]>
  /** The same, with what comes of it in the log, unless these files are what was looked at last. */
  readonly retake: (files: readonly FileText[]) => Promise<void>
  readonly close: () => void
}

export interface LoaderOptions {
  readonly meshConfig: LoadingBirth['meshConfig']
  readonly proxy: LocalProxy
  readonly clock: Clock
  readonly logger: Logger
}

/** Who edits a file edits it again soon, and a process that is there answers quicker. */
const LINGER_MS = 10_000

export function createLoader(options: LoaderOptions): Loader {
  const { proxy, clock, logger } = options
  /** What the proxy has been told of. */
  const known = new Map<string, string>()
  let last = ''
  let remarked = new Set<string>()
  let child: LoadingProcess | undefined
  let cancelEnd: () => void = () => {}

  async function ask(files: readonly FileText[]): Promise<LoadAnswer> {
    cancelEnd()
    child ??= startProcess({ meshConfig: options.meshConfig, known })
    try {
      return await child.load(files)
    } catch (error) {
      end()
      throw error
    } finally {
      if (child !== undefined) cancelEnd = clock.after(LINGER_MS, end)
    }
  }

  function end(): void {
    cancelEnd()
    child?.end()
    child = undefined
  }

  async function take(files: readonly FileText[]): Promise<readonly ConfigurationProblem[]> {
    last = identityOf(files)
    const answer = await ask(files)
    if (answer.kind === 'bad') return answer.problems
    const { changes, versions, remarks, objects } = answer
    shareEqual(changes.set)
    for (const { key, reason } of proxy.apply(changes)) {
      logger.warn(`${key} is not taken, its last good version stays: ${reason}`)
    }
    for (const one of changes.removed) known.delete(modelId(one))
    for (const [id, version] of versions) known.set(id, version)
    for (const text of remarks) if (!remarked.has(text)) logger.warn(text)
    remarked = new Set(remarks)
    logger.info('configuration is live', { objects, changed: changes.set.length + changes.removed.length })
    return []
  }

  return {
    take,
    async retake(files) {
      if (identityOf(files) === last) return
      const problems = await take(files)
      if (problems.length === 0) return
      for (const problem of problems) logger.error(formatProblem(problem))
      logger.error('the files are not taken; the last good configuration goes on serving')
    },
    close: end,
  }
}

/** Tells files from other ones without keeping their text. */
function identityOf(files: readonly FileText[]): string {
  const sum = createHash('sha256')
  for (const { path, text } of files) sum.update(`${path.length} ${text.length} ${path}${text}`)
  return sum.digest('base64')
}

interface LoadingProcess {
  /** @throws when the process has failed */
  readonly load: (files: readonly FileText[]) => Promise<LoadAnswer>
  readonly end: () => void
}

function startProcess(birth: Omit<LoadingBirth, 'cacheDirectory'>): LoadingProcess {
  const file = join(import.meta.dirname, `loading-process${extname(import.meta.filename)}`)
  const child = fork(file, {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    // The proxy's young generation is small, and too small for a translation.
    execArgv: process.execArgv.filter((word) => !word.startsWith('--max-semi-space-size')),
  })
  const failed = new Promise<never>((_resolve, reject) => {
    child.on('error', (error) => reject(new Error(`the files cannot be read: ${messageOf(error)}`)))
    child.on('exit', (code, signal) =>
      reject(new Error(`the process that reads the files has ended (${signal ?? code})`)),
    )
  })
  failed.catch(() => {}) // the one who asks next hears of it
  const tell = (message: LoadingMessage) => void child.send(message)
  tell({ op: 'begin', ...birth, cacheDirectory: getCompileCacheDir() })
  return {
    load(files) {
      const answer = new Promise<LoadAnswer>((resolve) => child.once('message', resolve))
      tell({ op: 'load', files })
      return Promise.race([answer, failed])
    },
    end: () => void child.kill('SIGKILL'),
  }
}
