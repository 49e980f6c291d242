import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CommandOptions, type CommandResult, runCommand } from './command.ts'
import { REPOSITORY } from './source-tree.ts'

/** A real cluster, brought up by the command line, in the network that the test command made for this file. */
export interface TestCluster {
  readonly stateDirectory: string
  readonly kubeconfig: string
  /** Runs the real kubectl. @throws (assertion) when it fails; `tryKubectl` returns the failure instead */
  readonly kubectl: (line: string, options?: CommandOptions) => Promise<string>
  readonly tryKubectl: (line: string, options?: CommandOptions) => Promise<CommandResult>
  readonly lateen: (line: string, options?: CommandOptions) => Promise<CommandResult>
  readonly stop: () => Promise<void>
}

export const KUBECTL = join(REPOSITORY, '.tools/bin/kubectl')
/** Debian's 1.20, where `scripts/old-kubectl.ts` has put it: old clients ask in other ways than new ones. */
export const OLD_KUBECTL = join(REPOSITORY, '.tools/kubectl-1.20/usr/bin/kubectl')
const LATEEN = join(REPOSITORY, 'bin/lateen')

export async function startCluster(): Promise<TestCluster> {
  const stateDirectory = mkdtempSync(join(tmpdir(), 'lateen-e2e-'))
  const kubeconfig = join(stateDirectory, 'kubeconfig')
  const env = { KUBECONFIG: kubeconfig, LATEEN_STATE: stateDirectory, HOME: stateDirectory }
  const lateen = (line: string, options: CommandOptions = {}) =>
    runCommand(LATEEN, words(line), { ...options, env: { ...env, ...options.env } })
  const tryKubectl = (line: string, options: CommandOptions = {}) =>
    runCommand(KUBECTL, words(line), { ...options, env: { ...env, ...options.env } })
  const cluster: TestCluster = {
    stateDirectory,
    kubeconfig,
    lateen,
    tryKubectl,
    async kubectl(line, options) {
      const result = await tryKubectl(line, options)
      assert.equal(result.status, 0, `kubectl ${line}\n${result.stdout}${result.stderr}`)
      return result.stdout
    },
    async stop() {
      tellOfEnds(stateDirectory)
      const result = await lateen('down --delete')
      rmSync(stateDirectory, { recursive: true, force: true })
      assert.equal(result.status, 0, result.stdout + result.stderr)
    },
  }
  const up = await lateen('up')
  if (up.status !== 0) {
    const failure =
      up.stdout +
      up.stderr +
      (await runCommand('sh', ['-c', `tail -n 40 ${stateDirectory}/logs/*.log`])).stdout
    await cluster.stop().catch(() => {})
    assert.fail(`lateen up: ${failure}`)
  }
  return cluster
}

/** A process that ended is started again within a moment: without its last words nobody would know of it. */
function tellOfEnds(stateDirectory: string): void {
  const logs = join(stateDirectory, 'logs')
  const log = (name: string) => readIfPresent(join(logs, `${name}.log`))
  const ended = new Set(
    [...log('supervisor').matchAll(/ended; starting it again\s+process=(\S+)/g)].map(
      ([, name]) => name ?? '',
    ),
  )
  for (const name of ended)
    console.error(`${name} ended and was started again. Its log:\n${log(name).slice(-LOG_TAIL_CHARACTERS)}`)
}

const LOG_TAIL_CHARACTERS = 6000

function readIfPresent(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}

/** Splits like a shell as far as tests need it: blanks, and single quotes around words with blanks. */
export function words(line: string): readonly string[] {
  return [...line.matchAll(/'([^']*)'|((?:[^\s']|'[^']*')+)/g)].map(
    (match) => match[1] ?? (match[2] ?? '').replaceAll("'", ''),
  )
}

/** The rows of kubectl's table without its heading, each as its columns. */
export function rows(table: string): readonly (readonly string[])[] {
  return table
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^(NAME|NAMESPACE)\s/.test(line))
    .map((line) => line.trim().split(/\s{2,}/))
}
