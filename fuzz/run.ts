import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSeededRandom, type Random, randomIndex } from '../src/base/index.ts'
import { mutate } from './mutate.ts'
import type { FuzzTarget } from './target.ts'

/** An input that takes more of a processor than this, alone, is a way to stop a server. */
const CHECK_MAX_MS = 2000
const MINIMISE_CHECKS_MAX = 2000

export interface FuzzOptions {
  readonly name: string
  readonly target: FuzzTarget
  readonly seed: number
  readonly runs: number
  /** Fewer, when so much time has passed. */
  readonly ms?: number
}

/**
 * Rejects at the first input that breaks a law, with the seed, the input (made small) and the reason
 * @returns how many inputs were tried
 */
export async function fuzz({ name, target, seed, runs, ms = Infinity }: FuzzOptions): Promise<number> {
  const end = performance.now() + ms
  const random = createSeededRandom(seed)
  const corpus = [...target.seeds.map((each) => Buffer.from(each)), ...readCorpus(name)]
  for (const input of corpus) await checkOne(name, target, seed, input)
  let run = 0
  for (; run < runs && performance.now() < end; run += 1) {
    const input = mutate(random, pick(random, corpus), target.words ?? [' '], pick(random, corpus))
    await checkOne(name, target, seed, input)
  }
  return run
}

async function checkOne(name: string, target: FuzzTarget, seed: number, input: Buffer): Promise<void> {
  const failure = await failureOf(target, seed, input)
  if (failure === undefined) return
  const small = await minimise(target, seed, input)
  const reason = (await failureOf(target, seed, small)) ?? failure
  throw new Error(
    `fuzz target ${name}, seed ${seed}: ${reason.message}\n` +
      `input (${small.length} bytes): ${JSON.stringify(small.toString('latin1').slice(0, 2000))}\n` +
      `keep it with: echo ${small.toString('base64').slice(0, 4000)} | base64 -d > fuzz/corpus/${name}/NAME`,
    { cause: reason },
  )
}

async function failureOf(target: FuzzTarget, seed: number, input: Buffer): Promise<Error | undefined> {
  const before = process.cpuUsage()
  try {
    // A copy: a parser that changes what it reads must not change the corpus.
    const checking = target.check(Buffer.from(input), createSeededRandom(seed))
    if (checking !== undefined) await checking
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
  if (({} as { polluted?: unknown }).polluted !== undefined) {
    delete (Object.prototype as { polluted?: unknown }).polluted
    return new Error('the prototype of all objects was changed')
  }
  const { user, system } = process.cpuUsage(before)
  const tookMs = (user + system) / 1000
  return tookMs > CHECK_MAX_MS * (target.cost ?? 1) ? new Error(`it took ${tookMs.toFixed(0)} ms`) : undefined
}

/** Cuts pieces out, large ones first, as long as a law is still broken. */
async function minimise(target: FuzzTarget, seed: number, input: Buffer): Promise<Buffer> {
  let small = input
  let checks = 0
  for (let size = small.length >> 1; size >= 1; size >>= 1) {
    for (let start = 0; start < small.length && checks < MINIMISE_CHECKS_MAX;) {
      const shorter = Buffer.concat([small.subarray(0, start), small.subarray(start + size)])
      checks += 1
      if ((await failureOf(target, seed, shorter)) !== undefined) small = shorter
      else start += size
    }
  }
  return small
}

function readCorpus(name: string): readonly Buffer[] {
  const directory = join(import.meta.dirname, 'corpus', name)
  if (!existsSync(directory)) return []
  return readdirSync(directory)
    .sort()
    .map((file) => readFileSync(join(directory, file)))
}

function pick(random: Random, corpus: readonly Buffer[]): Buffer {
  return corpus[randomIndex(random, corpus.length)] ?? Buffer.alloc(0)
}
