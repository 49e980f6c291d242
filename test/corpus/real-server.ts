/**
 * Submits the corpus to a real kube-apiserver that has our definitions, and compares its verdicts and messages with
 * those of our schema library. Slow, so not part of the tests; `scripts/kubernetes-differential.ts` builds the server.
 *   node test/corpus/real-server.ts [folders of cases…]
 *   node test/corpus/real-server.ts --mutants COUNT [SEED]    objects with one thing changed at random
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as fc from 'fast-check'
import { formatFieldErrors, type KubeObject } from '../../src/kube/index.ts'
import {
  createKubeClient,
  httpsTransport,
  type KubeClient,
  parseKubeconfig,
} from '../../src/kube/client/index.ts'
import { inOwnNetwork } from '../../scripts/own-network.ts'
import { run } from '../../scripts/run.ts'
import { kubeconfigFor, startReference } from '../kubernetes/servers.ts'
import { waitFor } from '../support/wait.ts'
import { type Case, loadCases } from './support/cases.ts'
import {
  type Definition,
  definitionFor,
  type Edition,
  EDITIONS,
  ourCrds,
  ourDefinitions,
} from './support/definitions.ts'
import { judge } from './support/judge.ts'
import { mutants } from './support/mutate.ts'

const PROGRAMS = fileURLToPath(new URL('../../.tools/reference', import.meta.url))
const INSIDE = '--inside'
const MUTANTS = '--mutants'
const CRDS_PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const NAMESPACE = 'demo'
const DEADLINE_MS = 60_000

interface Difference {
  readonly place: string
  readonly edition: Edition
  readonly ours: readonly string[]
  readonly theirs: readonly string[]
}

process.exitCode =
  process.argv[2] === INSIDE
    ? await inside(process.argv.slice(3))
    : await inOwnNetwork(([command, ...before]) =>
        run(command, [...before, process.execPath, import.meta.filename, INSIDE, ...process.argv.slice(2)]),
      )

async function inside(words: readonly string[]): Promise<number> {
  const programs = { etcd: join(PROGRAMS, 'etcd'), apiserver: join(PROGRAMS, 'kube-apiserver') }
  if (!existsSync(programs.apiserver)) {
    console.error('✗ There is no kube-apiserver; node scripts/kubernetes-differential.ts builds it.')
    return 69
  }
  const directory = mkdtempSync(join(tmpdir(), 'lateen-corpus-'))
  const server = await startReference(directory, programs)
  try {
    const config = parseKubeconfig(readFileSync(kubeconfigFor(server, NAMESPACE), 'utf8'))
    if (!config.ok) throw new Error(JSON.stringify(config.error))
    const transport = httpsTransport(config.value)
    const differences = await compareAll(createKubeClient(transport), casesFor(words))
    for (const difference of differences) print(difference)
    return differences.length === 0 ? 0 : 1
  } finally {
    await server.stop()
    rmSync(directory, { recursive: true })
  }
}

function casesFor(words: readonly string[]): readonly Case[] {
  const all = loadCases()
  if (words[0] !== MUTANTS) {
    return all.filter(
      ({ place }) => words.length === 0 || words.some((folder) => place.includes(`/${folder}/`)),
    )
  }
  const seed = Number(words[2] ?? Date.now() % 1_000_000)
  console.log(`seed ${seed}`)
  return fc
    .sample(mutants(all), { numRuns: Number(words[1]), seed })
    .map(({ of, change, object }) => ({ ...of, place: `${of.place}, ${change}`, object }))
}

async function compareAll(client: KubeClient, cases: readonly Case[]): Promise<readonly Difference[]> {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }
  await client.request({ method: 'POST', path: '/api/v1/namespaces', body: namespace })
  const differences: Difference[] = []
  for (const edition of EDITIONS) {
    const definitions = ourDefinitions(edition)
    const chosen = cases.filter(
      ({ editions, object }) =>
        editions.includes(edition) && definitionFor(definitions, object) !== undefined,
    )
    if (chosen.length === 0) continue
    await install(client, edition)
    for (const item of chosen) differences.push(...(await compare(client, edition, definitions, item)))
    console.log(`${edition}: ${chosen.length} objects, ${differences.length} differences so far`)
    await uninstall(client, edition)
  }
  return differences
}

async function install(client: KubeClient, edition: Edition): Promise<void> {
  for (const crd of ourCrds(edition)) {
    const { status, body } = await client.request({ method: 'POST', path: CRDS_PATH, body: crd })
    if (status !== 201) throw new Error(`${crd.metadata.name}: ${messageOf(body)}`)
  }
  for (const crd of ourCrds(edition)) {
    for (const { name } of crd.spec.versions.filter((version) => version.served)) {
      const path = `/apis/${crd.spec.group}/${name}/${crd.spec.names.plural}`
      const isServed = async () => (await client.request({ method: 'GET', path })).status === 200
      await waitFor(`${path} to be served`, isServed, { deadlineMs: DEADLINE_MS })
    }
  }
}

async function uninstall(client: KubeClient, edition: Edition): Promise<void> {
  for (const crd of ourCrds(edition)) {
    const path = `${CRDS_PATH}/${crd.metadata.name}`
    await client.request({ method: 'DELETE', path })
    const isGone = async () => (await client.request({ method: 'GET', path })).status === 404
    await waitFor(`${crd.metadata.name} to be gone`, isGone, { deadlineMs: DEADLINE_MS })
  }
}

async function compare(
  client: KubeClient,
  edition: Edition,
  definitions: readonly Definition[],
  item: Case,
): Promise<readonly Difference[]> {
  const definition = definitionFor(definitions, item.object)
  if (definition === undefined) return []
  const { fieldErrors } = judge(definition, item.object, item.old)
  const ours = [...new Set(fieldErrors.map((error) => formatFieldErrors([error])))].sort()
  const theirs = [...new Set(await submit(client, pathOf(edition, item.object), item))].sort()
  return ours.join('\n') === theirs.join('\n') ? [] : [{ place: item.place, edition, ours, theirs }]
}

function pathOf(edition: Edition, { apiVersion, kind }: KubeObject): string {
  const crd = ourCrds(edition).find(
    ({ spec }) => spec.names.kind === kind && apiVersion.startsWith(`${spec.group}/`),
  )
  if (crd === undefined) throw new Error(`no definition of ${apiVersion} ${kind}`)
  const where = crd.spec.scope === 'Cluster' ? '' : `namespaces/${NAMESPACE}/`
  return `/apis/${apiVersion}/${where}${crd.spec.names.plural}`
}

/** What the server says of an object: of its creation, of a change, or of its status. */
async function submit(client: KubeClient, path: string, item: Case): Promise<readonly string[]> {
  const query = { dryRun: 'All', fieldValidation: 'Ignore' }
  const { status: objectStatus, ...withoutStatus } = item.object as KubeObject & { readonly status?: unknown }
  const before = item.old ?? (objectStatus === undefined ? undefined : withoutStatus)
  if (before === undefined) {
    return errorsIn(await client.request({ method: 'POST', path, query, body: item.object }))
  }
  const created = await client.request({ method: 'POST', path, body: before })
  if (created.status !== 201) throw new Error(`${item.place}: ${messageOf(created.body)}`)
  const { resourceVersion } = (created.body as KubeObject).metadata
  const name = `${path}/${item.object.metadata.name}`
  const body = { ...item.object, metadata: { ...item.object.metadata, resourceVersion } }
  const target = objectStatus === undefined ? name : `${name}/status`
  const answer = await client.request({ method: 'PUT', path: target, query, body })
  await client.request({ method: 'DELETE', path: name })
  return errorsIn(answer)
}

interface Failure {
  readonly message?: string
  readonly details?: { readonly causes?: readonly { readonly field?: string; readonly message?: string }[] }
}

function errorsIn(answer: { readonly status: number; readonly body: unknown }): readonly string[] {
  if (answer.status < 400) return []
  const { details, message } = answer.body as Failure
  const causes = details?.causes?.map((cause) => `${cause.field}: ${cause.message}`)
  return causes ?? [`${answer.status}: ${message}`]
}

function messageOf(body: unknown): string {
  return (body as Failure).message ?? JSON.stringify(body)
}

function print({ place, edition, ours, theirs }: Difference): void {
  console.log(`\n${place} (${edition})`)
  for (const line of ours.filter((text) => !theirs.includes(text))) console.log(`  - ours    ${line}`)
  for (const line of theirs.filter((text) => !ours.includes(text))) console.log(`  + theirs  ${line}`)
}
