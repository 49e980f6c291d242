import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, request as openRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { delimiter, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { chromium } from 'playwright-core'
import type { Browser, Page } from 'playwright-core'
import { startProgram } from './testing/program.ts'
import type { Program } from './testing/program.ts'

const CHROMIUM = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'chromium'))
  .find((path) => existsSync(path))

/** What a gateway does in the walkthrough: one address, and the path decides who answers. */
function startGateway(
  routes: readonly (readonly [prefix: string, program: Program])[],
): ReturnType<typeof createServer> {
  return createServer((request, response) => {
    const target = routes.find(([prefix]) => request.url?.startsWith(prefix))?.[1]
    if (target === undefined) {
      response.writeHead(404).end()
      return
    }
    const { method = 'GET', headers } = request
    const onward = openRequest(target.url + (request.url ?? ''), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.writeHead(502).end())
    request.pipe(onward)
  }).listen(0, '127.0.0.1')
}

describe(
  'in a browser',
  { skip: CHROMIUM === undefined && 'chromium is not installed', timeout: 60_000 },
  () => {
    const programs: Program[] = []
    let gateway: ReturnType<typeof createServer>
    let browser: Browser
    let url = ''

    before(async () => {
      const redis = await startProgram('redis/main.ts', { ALLOW_EMPTY_PASSWORD: 'yes' })
      const [backend, monitor, frontend] = await Promise.all([
        startProgram('backend/main.ts', { VERSION: '1.0.0', REDIS_ADDR: `127.0.0.1:${redis.port}` }),
        startProgram('monitor/main.ts', { VERSION: '2.0.0', DEMO_APP_HOST: '' }),
        startProgram('frontend/main.ts'),
      ])
      programs.push(redis, backend, monitor, frontend)
      gateway = startGateway([
        ['/api/', backend],
        ['/status', monitor],
        ['/app', frontend],
      ])
      await once(gateway, 'listening')
      url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`
      browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] })
    })
    after(async () => {
      await browser.close()
      gateway.close()
      gateway.closeAllConnections()
      await Promise.all(programs.map((program) => program.stop()))
    })

    /** A page in a profile of its own, which fails the test when its script fails. */
    async function withPage(path: string, visit: (page: Page) => Promise<void>): Promise<void> {
      assert.ok(browser !== undefined)
      const context = await browser.newContext()
      const page = await context.newPage()
      page.setDefaultTimeout(10_000)
      const errors: string[] = []
      page.on('pageerror', (error) => errors.push(error.message))
      await page.goto(url + path)
      await visit(page)
      await context.close()
      assert.deepEqual(errors, [])
    }

    const fill = async (page: Page, name: string, password: string): Promise<void> => {
      await page.getByPlaceholder('username').fill(name)
      await page.getByPlaceholder('password').fill(password)
    }

    test('a user registers, logs in, sees name and group, reloads, logs out', () =>
      withPage('/app', async (page) => {
        await page.getByRole('heading', { name: 'Istio Demo' }).waitFor()
        await page.getByText('Backend Version: 1.0.0').waitFor()
        assert.equal(await page.title(), 'Istio Demo')
        await fill(page, 'visitor', 'secret')
        await page.getByRole('button', { name: 'Login' }).click()
        await page.getByText('Login failed').waitFor()
        await page.getByRole('button', { name: 'Register' }).click()
        await page.getByText(/^Registered: \{"group":"(?:alpha|beta)"\}$/).waitFor()
        await page.getByRole('button', { name: 'Register' }).click()
        await page.getByText('Error: User exists').waitFor()
        await page.getByRole('button', { name: 'Login' }).click()
        await page.waitForURL(`${url}/app/welcome`)
        await page.getByText('Welcome, visitor').waitFor()
        await page.getByText(/^Your group: (?:alpha|beta)$/).waitFor()
        await page.reload()
        await page.getByText('Welcome, visitor').waitFor()
        await page.getByText('Backend Version: 1.0.0').waitFor()
        await page.getByRole('button', { name: 'Logout' }).click()
        await page.waitForURL(`${url}/app/`)
        assert.equal(await page.evaluate(() => localStorage.getItem('token')), null)
        await page.goBack()
        await page.getByRole('button', { name: 'Login' }).waitFor()
        assert.equal(new URL(page.url()).pathname, '/app/')
      }))

    test('a token that is not good is forgotten, and the view goes back to Login', () =>
      withPage('/app/', async (page) => {
        await page.evaluate(() => localStorage.setItem('token', 'old'))
        await page.goto(`${url}/app/welcome`)
        await page.waitForURL(`${url}/app/`)
        await page.getByRole('button', { name: 'Login' }).waitFor()
        assert.equal(await page.evaluate(() => localStorage.getItem('token')), null)
      }))

    test('the monitor logs in, lists, changes and deletes users', () =>
      withPage('/status', async (page) => {
        await page.getByText('Monitor Service Version: 2.0.0', { exact: true }).waitFor()
        await page.getByRole('button', { name: 'Load Users' }).click()
        await page.getByText('Error: Unauthorized').waitFor()
        for (const username of ['admin', 'odd/name?']) {
          await fetch(`${url}/api/register`, {
            method: 'POST',
            body: JSON.stringify({ username, password: 'admin' }),
          })
        }
        await page.getByRole('button', { name: 'Login' }).click()
        await page.getByText('Logged in as admin').waitFor()
        await page.getByRole('button', { name: 'Load Users' }).click()
        await page.getByText('"username": "admin"').waitFor()
        assert.match(
          (await page.locator('#users').textContent()) ?? '',
          /^\{\n {2}"total": \d+,\n {2}"users": \[\n {4}\{/,
        )
        await page.locator('#update [name=username]').fill('odd/name?')
        await page.locator('#update [name=password]').fill('new')
        await page.getByRole('button', { name: 'Update Password' }).click()
        await page.getByText('{"message":"password updated"}').waitFor()
        await page.locator('#delete [name=username]').fill('odd/name?')
        await page.getByRole('button', { name: 'Delete User' }).click()
        await page.getByText('{"message":"user deleted"}').waitFor()
        await page.getByRole('button', { name: 'Delete User' }).click()
        await page.getByText('Error: User not found').waitFor()
      }))
  },
)
