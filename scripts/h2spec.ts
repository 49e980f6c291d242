/**
 * Runs h2spec (RFC 9113 and 7541, from the client's side) against the HTTP/2 codec; h2spec is built from its Go module on
 * first use.
 *   node scripts/h2spec.ts [flags of h2spec…]
 */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { serve } from '../src/proxy/http2/testing.ts'
import { isInstalled, REPOSITORY, run, step } from './run.ts'

const PROGRAM = join(REPOSITORY, '.tools/reference/h2spec')
const MODULE = join(REPOSITORY, 'test/h2spec')
/** Seconds that h2spec waits for an answer; a broken rule shows as one that does not come. */
const TIMEOUT = '2'

await step('h2spec', buildH2spec)
await step('all cases', runCases)

async function buildH2spec(): Promise<number> {
  if (existsSync(PROGRAM)) return 0
  if (!isInstalled('go')) {
    console.error('✗ Go is not installed; h2spec is built with it (https://go.dev/dl/).')
    return 69
  }
  mkdirSync(join(PROGRAM, '..'), { recursive: true })
  const build = ['-C', MODULE, 'build', '-trimpath', '-buildvcs=false', '-o', PROGRAM]
  return run('go', [...build, 'github.com/summerwind/h2spec/cmd/h2spec'])
}

/** @returns h2spec's exit status: 0 when no case fails */
async function runCases(): Promise<number> {
  const server = await serve()
  const place = ['-h', '127.0.0.1', '-p', String(server.port)]
  const status = await run(PROGRAM, [...place, '-o', TIMEOUT, ...process.argv.slice(2)])
  server.close()
  return status
}
