/**
 * Tests with clients that are fetched or built first: client-go and controller-runtime, helm 3, Debian's kubectl 1.20.
 *   npm run test:clients
 * The first run builds for some minutes of one core. The clients that npm brings along are tried by `npm test`.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { installOldKubectl } from './old-kubectl.ts'
import { inOwnNetwork } from './own-network.ts'
import { isInstalled, REPOSITORY, run, step } from './run.ts'
import { setup } from './setup.ts'

const PROGRAMS = join(REPOSITORY, '.tools/clients')
const HELM = 'helm.sh/helm/v3/cmd/helm@v3.22.0'
const TESTS = [
  'test/clients/go.test.ts',
  'test/clients/helm-3.test.ts',
  'test/clients/old-kubectl.test.ts',
] as const
const NODE_FLAGS = [
  '--disable-warning=ExperimentalWarning',
  '--test',
  '--test-reporter=spec',
  '--test-force-exit',
]
const FILE_TIMEOUT_MS = 240_000

await step('set-up', () => setup({ tests: true }))
await step('the Go program', buildProgram)
await step('helm 3', installHelm)
await step('kubectl 1.20', installOldKubectl)
for (const file of TESTS) await step(file, () => runInOwnNetwork(file))

/** Always: Go knows by itself whether anything has changed. */
function buildProgram(): Promise<number> | number {
  if (!isInstalled('go')) {
    console.error(
      '✗ Go is not installed; client-go is built with it. Install Go 1.26 or newer: https://go.dev/dl/',
    )
    return 69
  }
  mkdirSync(PROGRAMS, { recursive: true })
  const sources = join(REPOSITORY, 'test/clients/go')
  return go([
    '-C',
    sources,
    'test',
    '-c',
    '-vet=all',
    '-buildvcs=false',
    '-o',
    join(PROGRAMS, 'go.test'),
    '.',
  ])
}

function installHelm(): Promise<number> | number {
  if (existsSync(join(PROGRAMS, 'helm'))) return 0
  return go(['install', '-trimpath', '-ldflags=-s -w', HELM], { GOBIN: PROGRAMS })
}

/** With little claim on the machine: a cold build uses every core for minutes. */
function go(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<number> {
  return run('nice', ['-n', '19', 'go', ...words], env)
}

function runInOwnNetwork(file: string): Promise<number> {
  return inOwnNetwork(([command, ...before]) =>
    run(command, [...before, process.execPath, ...NODE_FLAGS, `--test-timeout=${FILE_TIMEOUT_MS}`, file]),
  )
}
