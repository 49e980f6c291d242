/**
 * The test command: set-up, check, then what is slower, then end to end.
 *   npm test [-- --unit | --e2e] [files…]
 */
import { globSync } from 'node:fs'
import { inOwnNetwork } from './own-network.ts'
import { REPOSITORY, run, runQuietly, step } from './run.ts'
import { setup } from './setup.ts'

const UNIT = [
  'src/**/*.test.ts',
  'samples/**/*.test.ts',
  'test/architecture/*.test.ts',
  'test/conformance/*.test.ts',
  'scripts/**/*.test.ts',
  'bench/**/*.test.ts',
]
/** Too slow for every commit: real kubectl, browsers, pods in namespaces, sockets by the hundred, crashes. `npm test` runs them. */
const INTEGRATION = [
  'src/local-cluster/node/node.test.ts',
  'src/local-cluster/apiserver/kubectl.test.ts',
  'src/local-cluster/controllers/deployment.test.ts',
  'src/local-cluster/controllers/autoscaler.test.ts',
  'src/local-cluster/apiserver/admission/webhooks.test.ts',
  'src/local-cluster/controllers/cronjob.test.ts',
  'src/local-cluster/node/probe/http-get.test.ts',
  'src/local-cluster/store/crash.test.ts',
  'samples/demo/backend/backend.test.ts',
  'src/local-cluster/controllers/taint-eviction.test.ts',
  'src/local-cluster/service-proxy/traffic.test.ts',
  'src/local-cluster/rootless/forwarder.test.ts',
  'src/cli/commands/serve.test.ts',
  'src/proxy/http2/interop.test.ts',
  'src/proxy/http2/relay.test.ts',
  'src/proxy/*.test.ts',
  'src/proxy/tracing/tracing.test.ts',
  'src/standalone/*.test.ts',
  'samples/demo/pages.test.ts',
  'test/control-plane/*.test.ts',
  'test/security/*.test.ts',
  'test/peers/*.test.ts',
  'test/corpus/*.test.ts',
  'test/examples/own.test.ts',
  'test/crash/*.test.ts',
  'test/simulation/*.test.ts',
  'test/smuggling/*.test.ts',
  'test/soak/*.test.ts',
  'fuzz/**/*.test.ts',
]
const END_TO_END = ['test/e2e/*.test.ts']
/** Wants the machine for itself: it counts every failed request under a steady load. */
const ALONE = ['test/e2e/resilience.test.ts']
/** Clusters at the same time, each in a network of its own: much of an end-to-end test is waiting. */
const LANES = 2
const FILE_TIMEOUT_MS = 240_000
/** Of a failed file's output, what is said again at the end. */
const FAILURE_CHARACTERS = 6000

const flags = process.argv.slice(2)
const only = flags.find((flag) => flag === '--unit' || flag === '--e2e')
const named = flags.filter((flag) => !flag.startsWith('--'))

await step('set-up', () => setup({ tests: true }))
if (named.length > 0) await runTests('tests', named)
else {
  if (only === undefined) await step('check', () => run(process.execPath, ['scripts/check.ts', '--no-setup']))
  if (only === '--unit') await runTests('unit tests', filesOf(UNIT, INTEGRATION))
  else {
    await runTests('integration tests', filesOf(INTEGRATION))
    await step('end to end', runEndToEnd)
  }
}

function filesOf(patterns: readonly string[], leftOut: readonly string[] = []): readonly string[] {
  const others = new Set(leftOut.flatMap((pattern) => globSync(pattern, { cwd: REPOSITORY })))
  const found = patterns.flatMap((pattern) => globSync(pattern, { cwd: REPOSITORY }))
  return found.filter((file) => !others.has(file)).sort()
}

async function runTests(name: string, files: readonly string[]): Promise<void> {
  await step(name, () => run(process.execPath, [...testArguments(LANES), ...files]))
}

/** @returns 0, or 1 when a file failed; the others run all the same, so that one run tells all that is wrong */
async function runEndToEnd(): Promise<number> {
  const waiting = [...filesOf(END_TO_END, ALONE)]
  const failures: string[] = []
  const lane = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      failures.push(...(await runFile(file)))
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  for (const file of ALONE) failures.push(...(await runFile(file)))
  for (const failure of failures) console.error(failure)
  return failures.length === 0 ? 0 : 1
}

/**
 * What a file prints comes in one piece when it is done: two files print at the same time.
 * @returns nothing, or the file's name with its failures, to be said again where a long log ends
 */
async function runFile(file: string): Promise<readonly string[]> {
  const started = performance.now()
  let output = ''
  const status = await inOwnNetwork(async (enter) => {
    const result = await runQuietly(enter[0], [
      ...enter.slice(1),
      process.execPath,
      ...testArguments(1),
      file,
    ])
    output = result.output
    return result.status
  })
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`${output}${status === 0 ? '✔' : '✗'} ${file} (${seconds} s)\n`)
  if (status === 0) return []
  const from = Math.max(output.indexOf('✖ failing tests:'), output.length - FAILURE_CHARACTERS, 0)
  return [`✗ ${file}\n${output.slice(from)}`]
}

function testArguments(concurrency: number): readonly string[] {
  const plain = [
    '--disable-warning=ExperimentalWarning',
    '--test',
    '--test-reporter=spec',
    '--test-force-exit',
  ]
  return [...plain, `--test-concurrency=${concurrency}`, `--test-timeout=${FILE_TIMEOUT_MS}`]
}
