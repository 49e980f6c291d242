/**
 * Applies the official examples of the Gateway API to our API server: valid ones are taken, invalid ones refused.
 *   npm run test:examples
 * They are read from the Go modules of the releases, so Go must be installed; without it there is nothing to test.
 */
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { isInstalled, run, step } from './run.ts'
import { setup } from './setup.ts'

const MODULE = 'sigs.k8s.io/gateway-api'
const VERSIONS = ['v1.6.1', 'v1.4.1'] as const
const TESTS = 'test/examples/*.test.ts'

await step('set-up', () => setup({ tests: false }))
if (!isInstalled('go')) {
  console.error(
    '✗ Go is not installed; it fetches the examples. Install Go 1.26 or newer: https://go.dev/dl/',
  )
  process.exit(69)
}
const modules = Object.fromEntries(VERSIONS.map((version) => [version, folderOf(version)]))
await step('examples', () =>
  run(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--test', '--test-reporter=spec', '--test-force-exit', TESTS],
    { LATEEN_GATEWAY_API_MODULES: JSON.stringify(modules) },
  ),
)

/** Outside of any module, so that nothing of the project is changed by the download. */
function folderOf(version: string): string {
  const { stdout, stderr } = spawnSync('go', ['mod', 'download', '-json', `${MODULE}@${version}`], {
    cwd: tmpdir(),
    encoding: 'utf8',
  })
  const { Dir: folder } = JSON.parse(stdout === '' ? '{}' : stdout) as { readonly Dir?: string }
  if (folder === undefined) throw new Error(`go mod download ${MODULE}@${version}: ${stdout}${stderr}`)
  return folder
}
