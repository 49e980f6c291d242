import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { waitFor } from '../support/wait.ts'
import { GROUPS } from './cases/index.ts'
import { writeFixtures } from './fixtures.ts'
import { startHooks } from './hooks.ts'
import { KNOWN_DIFFERENCES } from './known-differences.ts'
import { sortedLines } from './normalise.ts'
import { OLD_KUBECTL_DIFFERENCES, UNORDERED_BY_OLD_KUBECTL } from './old-kubectl-differences.ts'
import { placeOf, runStep } from './run-step.ts'
import type { Server } from './servers.ts'
import { type Group, k, type Step } from './table.ts'

interface Comparison {
  readonly group: string
  readonly step: string
  readonly equal: boolean
  /** why it may differ, where that is known */
  readonly known?: string
  readonly kubernetes: string
  readonly lateen: string
}

/** Of one difference; the whole answers are in comparison.json. */
const LINES_MAX = 14
const WIDTH_MAX = 600

interface Options {
  readonly lateen: Server
  readonly kubernetes: Server
  readonly kubectl: string
  /** which list of differences is held against the answers beside the general one */
  readonly client: Client
  readonly directory: string
  /** names of groups; all where there are none */
  readonly groups: readonly string[]
  readonly print: (line: string) => void
}

/** An old kubectl sends other requests for the same command line, and shows less of the answers. */
export type Client = 'current' | 'old'

type Differences = typeof KNOWN_DIFFERENCES

const reasonsOf = (differences: Differences): ReadonlyMap<string, string> =>
  new Map(differences.flatMap(({ reason, cases }) => cases.map((one) => [one, reason] as const)))

/** Those whose absence is told: the general ones may well be gone where an old client does not show them. */
const OWN_REASONS: Readonly<Record<Client, ReadonlyMap<string, string>>> = {
  current: reasonsOf(KNOWN_DIFFERENCES),
  old: reasonsOf(OLD_KUBECTL_DIFFERENCES),
}

const REASONS: Readonly<Record<Client, ReadonlyMap<string, string>>> = {
  current: OWN_REASONS.current,
  old: new Map([...OWN_REASONS.current, ...OWN_REASONS.old]),
}

/** Runs the table against both. @returns the number of differences that nobody knew, and of known ones that are gone */
export async function compareAll(options: Options): Promise<number> {
  const chosen = GROUPS.filter(({ name }) => options.groups.length === 0 || options.groups.includes(name))
  const files = join(options.directory, 'files')
  mkdirSync(files, { recursive: true })
  const stopHooks = await startHooks(await writeFixtures(files))
  const results: Comparison[] = []
  try {
    for (const group of chosen) {
      const found = await compareGroup(options, group, files)
      results.push(...found)
      const same = found.filter((one) => one.equal).length
      const known = found.filter((one) => !one.equal && one.known !== undefined).length
      options.print(
        `  ${group.name.padEnd(20)} ${same} of ${found.length} equal` +
          (known > 0 ? `, ${known} known to differ` : ''),
      )
    }
  } finally {
    stopHooks()
  }
  writeFileSync(join(options.directory, 'comparison.json'), JSON.stringify(results, undefined, 1))
  return report(options, chosen, results)
}

async function compareGroup(options: Options, group: Group, files: string): Promise<readonly Comparison[]> {
  const programs = { kubectl: options.kubectl, files }
  const places = {
    lateen: placeOf(options.lateen, group.name, programs),
    kubernetes: placeOf(options.kubernetes, group.name, programs),
  }
  await Promise.all(
    Object.values(places).map(async (place) => {
      // What the controllers of a whole cluster would have made, and pods do not start without.
      await runStep(place, k(`create namespace ${group.name}`))
      await waitFor(`the service account of ${group.name}`, async () => {
        await runStep(place, k('create serviceaccount default'))
        return (await runStep(place, k('get serviceaccount default -o name'))).startsWith('exit: 0')
      })
    }),
  )
  const results: Comparison[] = []
  const seen = new Set<string>()
  for (const step of group.steps) {
    const name = unused(step.name, seen)
    const key = `${group.name}: ${name}`
    const isUnordered = options.client === 'old' && UNORDERED_BY_OLD_KUBECTL.has(key)
    const shown = (text: string) => (isUnordered ? sortedLines(text) : text)
    const [lateen, kubernetes] = await Promise.all([
      outcome(places.lateen, step).then(shown),
      outcome(places.kubernetes, step).then(shown),
    ])
    const known = REASONS[options.client].get(key)
    const equal = lateen === kubernetes
    results.push({ group: group.name, step: name, equal, lateen, kubernetes, ...(known ? { known } : {}) })
  }
  return results
}

/** A step that cannot be run at all is a difference too, unless the other server breaks in the same way. */
async function outcome(place: Parameters<typeof runStep>[0], step: Step): Promise<string> {
  try {
    return await runStep(place, step)
  } catch (error) {
    return `broken: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** The same line may stand in a group twice, such as the second apply: the second is `… (2)`. */
function unused(name: string, seen: Set<string>): string {
  let found = name
  for (let count = 2; seen.has(found); count++) found = `${name} (${count})`
  seen.add(found)
  return found
}

function report(options: Options, chosen: readonly Group[], results: readonly Comparison[]): number {
  const { print } = options
  const fresh = results.filter((one) => !one.equal && one.known === undefined)
  for (const one of fresh) {
    print(`\n✗ ${one.group}: ${one.step}`)
    const lines = differingLines(one.kubernetes, one.lateen)
    for (const line of lines.slice(0, LINES_MAX)) print(`    ${line.slice(0, WIDTH_MAX)}`)
    if (lines.length > LINES_MAX) print(`    … ${lines.length - LINES_MAX} more`)
  }
  const own = OWN_REASONS[options.client]
  const gone = results.filter((one) => one.equal && own.has(`${one.group}: ${one.step}`))
  for (const one of gone) {
    print(`\n✗ ${one.group}: ${one.step}\n    is equal now; take it out of the known differences`)
  }
  const names = new Set(results.map((one) => `${one.group}: ${one.step}`))
  const unmet = [...own.keys()].filter(
    (one) => chosen.some(({ name }) => one.startsWith(`${name}: `)) && !names.has(one),
  )
  for (const one of unmet) print(`\n✗ ${one}\n    is among the known differences, but there is no such case`)
  const equal = results.filter((one) => one.equal).length
  const known = results.length - equal - fresh.length
  print(
    `\n${results.length} cases: ${equal} equal, ${known} known to differ, ${fresh.length} new differences`,
  )
  return fresh.length + gone.length + unmet.length
}

/** Lines that only one of them has, in order: enough to see the difference, without an algorithm for it. */
function differingLines(expected: string, actual: string): readonly string[] {
  const [a, b] = [expected.split('\n'), actual.split('\n')]
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1
  let end = 0
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end += 1
  const [left, right] = [a.slice(start, a.length - end), b.slice(start, b.length - end)]
  const [inLeft, inRight] = [new Set(left), new Set(right)]
  return [
    ...left.filter((line) => !inRight.has(line)).map((line) => `kubernetes: ${line}`),
    ...right.filter((line) => !inLeft.has(line)).map((line) => `lateen:     ${line}`),
    ...(sameLines(left, right) ? ['the same lines in another order, or another number of times'] : []),
  ]
}

function sameLines(a: readonly string[], b: readonly string[]): boolean {
  return a.every((line) => b.includes(line)) && b.every((line) => a.includes(line))
}
