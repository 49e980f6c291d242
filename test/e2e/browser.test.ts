/** The demo's pages through the gateway, in a real browser. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { ask } from '../../src/cli/demo/sampling.ts'
import { startCluster, type TestCluster } from '../support/cluster.ts'
import { DEMO, installDemo } from '../support/demo.ts'
import { waitFor } from '../support/wait.ts'

const CHROMIUM = spawnSync('sh', ['-c', 'command -v chromium || command -v chromium-browser'], {
  encoding: 'utf8',
}).stdout.trim()
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

let cluster: TestCluster
let gateway = ''
let profile = ''
let browser: BrowserContext
let page: Page

before(async () => {
  assert.notEqual(CHROMIUM, '', 'chromium is not installed: apt-get install chromium')
  cluster = await startCluster()
  gateway = await installDemo(cluster)
  await cluster.kubectl(`create -f ${DEMO}/routing/gateway-api/route-round-robin.yaml -n demo`)
  await waitFor('the route', async () => (await ask({ address: gateway, path: '/app/' })).status === 200)
  profile = mkdtempSync(join(tmpdir(), 'lateen-chromium-'))
  browser = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    args: QUIET,
    headless: true,
  })
  page = await browser.newPage()
})

after(async () => {
  await browser?.close()
  if (profile !== '') rmSync(profile, { recursive: true, force: true })
  await cluster?.stop()
})

test('a viewer registers, logs in, sees the group, and logs out', async () => {
  await page.goto(`http://${gateway}/app`)
  assert.equal(await page.title(), 'Istio Demo')
  await page.getByPlaceholder('username').fill('jonathan')
  await page.getByPlaceholder('password').fill('123')
  await page.getByRole('button', { name: 'Register' }).click()
  await page.getByText('Registered:').waitFor()
  await page.getByRole('button', { name: 'Login' }).click()
  await page.getByText('Welcome, jonathan').waitFor()
  await page.getByText(/Your group: (alpha|beta)/).waitFor()
  await page.reload()
  await page.getByText('Welcome, jonathan').waitFor()
  await page.getByRole('button', { name: 'Logout' }).click()
  await page.getByPlaceholder('username').waitFor()
})

test('reloading shows both versions of the backend', async () => {
  const seen = new Set<string>()
  await waitFor('both versions', async () => {
    await page.goto(`http://${gateway}/app/`)
    const line = page.getByText(/Backend Version:/)
    await line.waitFor()
    seen.add(
      /\d\.\d\.\d/.exec((await page.locator('body').innerText()).split('Backend Version:')[1] ?? '')?.[0] ??
        '',
    )
    seen.delete('')
    return seen.size === 2
  })
  assert.deepEqual([...seen].sort(), ['1.0.0', '2.0.0'])
})

test('the monitor page logs in and lists the users through the gateway', async () => {
  await page.goto(`http://${gateway}/status`)
  await page.getByText(/Monitor Service Version: \d\.0\.0/).waitFor()
  const inputs = page.locator('form').first().locator('input')
  await inputs.nth(0).fill('jonathan')
  await inputs.nth(1).fill('123')
  await page.locator('form').first().getByRole('button').click()
  await page.getByText('Logged in as jonathan').waitFor()
  await page.getByRole('button', { name: 'Load Users' }).click()
  await page.getByText('"username": "jonathan"').waitFor()
})
