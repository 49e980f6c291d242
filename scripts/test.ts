/**
 * The test command: set-up, check, then end to end.
 *   npm test [-- --unit | --e2e] [files…]
 */
import { globSync } from 'node:fs'
import { REPOSITORY, run, step } from './run.ts'
import { inOwnNetwork } from './own-network.ts'
import { setup } from './setup.ts'

const UNIT = [
  'src/**/*.test.ts',
  'samples/**/*.test.ts',
  'test/architecture/*.test.ts',
  'scripts/**/*.test.ts',
]
/** Beside the code, but too slow for every commit: real kubectl, browsers, pods in namespaces. `npm test` runs them. */
const INTEGRATION = [
  'src/local-cluster/node/node.test.ts',
  'src/local-cluster/apiserver/kubectl.test.ts',
  'src/local-cluster/controllers/controllers.test.ts',
  'samples/demo/pages.test.ts',
]
const END_TO_END = ['test/e2e/**/*.test.ts']

const flags = process.argv.slice(2)
const only = flags.find((flag) => flag === '--unit' || flag === '--e2e')
const named = flags.filter((flag) => !flag.startsWith('--'))

await step('set-up', () => setup({ tests: true }))
if (named.length > 0) await runTests('tests', named, 1)
else {
  if (only === undefined) await step('check', () => run(process.execPath, ['scripts/check.ts', '--no-setup']))
  if (only === '--unit') await runTests('unit tests', UNIT, 2, INTEGRATION)
  else {
    await runTests('integration tests', INTEGRATION, 2)
    await runEndToEnd()
  }
}

/** One after another: each brings up a cluster of its own, in a network of its own, and wants the machine for itself. */
async function runEndToEnd(): Promise<void> {
  for (const file of globSync(END_TO_END, { cwd: REPOSITORY }).sort()) {
    await step(file, () =>
      inOwnNetwork((enter) =>
        run(enter[0], [...enter.slice(1), process.execPath, ...testArguments(1), file]),
      ),
    )
  }
}

async function runTests(
  name: string,
  patterns: readonly string[],
  concurrency: number,
  leftOut: readonly string[] = [],
): Promise<void> {
  const found = patterns.flatMap((pattern) => globSync(pattern, { cwd: REPOSITORY })).sort()
  const files = found.filter((file) => !leftOut.includes(file))
  if (files.length === 0) {
    console.log(`• no ${name}`)
    return
  }
  await step(name, () => run(process.execPath, [...testArguments(concurrency), ...files]))
}

function testArguments(concurrency: number): readonly string[] {
  const plain = ['--disable-warning=ExperimentalWarning', '--test', '--test-reporter=spec']
  return [...plain, `--test-concurrency=${concurrency}`, '--test-timeout=480000']
}
