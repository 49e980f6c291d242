import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'

const skip = process.getuid?.() === 0 ? false : 'network namespaces need root'
const DEADLINE_MS = 120_000

/** Bridge, links and rules are the machine's: the scenarios run in namespaces of their own, which end with them. */
test('the node runs pods (scenarios in testing/scenarios*.ts)', { skip, timeout: DEADLINE_MS }, async () => {
  const scenarios = [
    new URL('./testing/scenarios.ts', import.meta.url).pathname,
    new URL('./testing/scenarios-of-change.ts', import.meta.url).pathname,
  ]
  // One after the other: both make the bridge.
  const options = '--disable-warning=ExperimentalWarning --test --test-concurrency=1 --test-reporter=spec'
  const script = `mount -t sysfs sysfs /sys && exec "$0" ${options} "$@"`
  const child = spawn(
    'unshare',
    ['--net', '--mount', '--propagation', 'slave', 'sh', '-c', script, process.execPath, ...scenarios],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } },
  )
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')))
  const [code] = (await once(child, 'close')) as [number | null]
  assert.equal(code, 0, output)
})
