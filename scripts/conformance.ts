/**
 * The Gateway API's conformance suite against a cluster of its own, started for it:
 *   npm run test:conformance [-- --run-test NAME] [--profile GATEWAY-HTTP]… [--standard]
 * v1.6.1 with the experimental channel's definitions, or with `--standard` v1.4.1 with the standard channel's. The first run
 * builds for some minutes. What counts is what `go test` says; a test that was skipped has not passed.
 */
import { spawn } from 'node:child_process'
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { buildPrograms, definitionsOf, type Edition, imageMappings } from '../test/conformance/programs.ts'
import { createResults, type Results, type TestEvent } from '../test/conformance/results.ts'
import { runCommand } from '../test/support/command.ts'
import { startCluster, type TestCluster } from '../test/support/cluster.ts'
import { inOwnNetwork } from './own-network.ts'
import { isInstalled, REPOSITORY, run, step } from './run.ts'
import { setup } from './setup.ts'

const PROGRAMS = join(REPOSITORY, '.tools/conformance')
const PROFILES: Readonly<Record<Edition, readonly string[]>> = {
  experimental: [
    'GATEWAY-HTTP',
    'GATEWAY-TLS',
    'GATEWAY-GRPC',
    'GATEWAY-TCP',
    'GATEWAY-UDP',
    'MESH-HTTP',
    'MESH-GRPC',
  ],
  standard: ['GATEWAY-HTTP', 'GATEWAY-GRPC', 'MESH-HTTP', 'MESH-GRPC'],
}
const SUITE_VERSIONS: Readonly<Record<Edition, string>> = { experimental: 'v1.6.1', standard: 'v1.4.1' }
/** Of the LoadBalancers' addresses, and of those that are nobody's (RFC 5737). */
const ADDRESSES = ['--usable-address=10.44.0.200', '--unusable-address=198.51.100.1']
/** Most tests wait: for a condition, for three answers in a row. */
const PARALLEL_MAX = 4
/** What runs the cluster and the tests, in the network made for it. */
const INSIDE = '--inside'

const words = process.argv.slice(2)
const { values } = parseArgs({
  args: words.filter((word) => word !== INSIDE),
  options: {
    'run-test': { type: 'string' },
    profile: { type: 'string', multiple: true },
    standard: { type: 'boolean', default: false },
  },
})
const edition: Edition = values.standard ? 'standard' : 'experimental'
process.exitCode = words.includes(INSIDE) ? await inside() : await enter()

async function enter(): Promise<number> {
  const unknown = (values.profile ?? []).find((profile) => !PROFILES[edition].includes(profile))
  if (unknown !== undefined) {
    console.error(`✗ there is no profile ${unknown}; those of this suite: ${PROFILES[edition].join(', ')}`)
    return 64
  }
  if (values.standard && values.profile !== undefined) {
    console.error('✗ the profiles of v1.4.1 are tried together: leave --profile out')
    return 64
  }
  if (!isInstalled('go')) {
    console.error(
      '✗ Go is not installed; the conformance suite is built with it. Install Go 1.26 or newer: https://go.dev/dl/',
    )
    return 69
  }
  await step('set-up', () => setup({ tests: true }))
  await step('the suite and its images’ programs', () => buildPrograms(edition, PROGRAMS))
  process.on('SIGINT', () => {}) // the inner process gets it too; then the network goes
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', import.meta.filename]
  return inOwnNetwork(([command, ...before]) => run(command, [...before, ...node, INSIDE, ...words]))
}

async function inside(): Promise<number> {
  const cluster = await startCluster()
  try {
    await prepare(cluster)
    return await runSuite(cluster)
  } finally {
    await cluster.stop()
  }
}

/** The official definitions first: the mesh then leaves them as they are. */
async function prepare(cluster: TestCluster): Promise<void> {
  const env = {
    KUBECONFIG: cluster.kubeconfig,
    LATEEN_STATE: cluster.stateDirectory,
    HOME: cluster.stateDirectory,
  }
  for (const mapping of imageMappings(edition, PROGRAMS)) {
    expectSuccess(await runCommand(join(REPOSITORY, 'bin/lateen'), ['image', 'map', ...mapping], { env }))
  }
  const kustomization = edition === 'experimental' ? '-k' : '-f'
  await cluster.kubectl(`apply --server-side ${kustomization} ${definitionsOf(edition)}`)
  expectSuccess(await cluster.lateen('install -y'))
}

function expectSuccess(result: {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}): void {
  if (result.status !== 0) throw new Error(result.stdout + result.stderr)
}

async function runSuite(cluster: TestCluster): Promise<number> {
  mkdirSync(PROGRAMS, { recursive: true })
  const log = createWriteStream(join(PROGRAMS, `${edition}.jsonl`))
  const results = createResults(({ name, outcome, seconds, failure }) => {
    if (outcome !== 'skip') console.log(`${outcome === 'pass' ? '✔' : '✖'} ${name} (${seconds.toFixed(1)} s)`)
    if (failure !== '') console.log(failure)
  })
  const program = [join(PROGRAMS, `${edition}.test`), '-test.v=test2json', '-test.timeout=60m']
  const child = spawn('go', ['tool', 'test2json', '-t', ...program, ...suiteFlags()], {
    env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const status = new Promise<number>((done) => child.on('close', (code) => done(code ?? 1)))
  for await (const line of createInterface({ input: child.stdout })) {
    log.write(`${line}\n`)
    results.take(JSON.parse(line) as TestEvent)
  }
  return judge(results.results(), await status)
}

function suiteFlags(): readonly string[] {
  const chosen = values.profile ?? []
  const test = values['run-test']
  const report = join(PROGRAMS, `report-${edition}.yaml`)
  const version = (JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as { version: string })
    .version
  return [
    `-test.parallel=${PARALLEL_MAX}`,
    // The class names the features of the mesh's own definitions; one test alone says nothing of all.
    ...(test === undefined && chosen.length === 0 ? [] : ['-test.run=TestConformance|TestReport']),
    '--gateway-class=istio',
    '--all-features',
    `--conformance-profiles=${(chosen.length > 0 ? chosen : PROFILES[edition]).join(',')}`,
    ...(chosen.length > 0 ? ['--only-profiles'] : []),
    ...(test === undefined ? [] : [`--run-test=${test}`]),
    ...(edition === 'experimental' ? ADDRESSES : []),
    '--namespace-labels=istio-injection=enabled',
    `--report-output=${report}`,
    '--organization=lateen',
    '--project=lateen',
    '--url=https://lateen.test',
    `--version=v${version}`,
    '--contact=https://lateen.test',
  ]
}

/** A whole run has nothing to skip: all features are said to be there. */
function judge({ tests, others }: Results, status: number): number {
  const count = (outcome: string) => tests.filter((one) => one.outcome === outcome).length
  for (const { name, failure } of others.filter(({ outcome }) => outcome === 'fail'))
    console.log(`✖ ${name}\n${failure}`)
  console.log(
    `\n${SUITE_VERSIONS[edition]}: ${count('pass')} passed, ${count('fail')} failed, ${count('skip')} skipped`,
  )
  if (status !== 0) return status
  const isWhole = values['run-test'] === undefined && values.profile === undefined
  if (count('pass') === 0 || (isWhole && edition === 'experimental' && count('skip') > 0)) {
    console.error('✗ tests that should have run were skipped')
    return 1
  }
  return 0
}
