import { type Random, randomIndex } from '../src/base/index.ts'

const INPUT_MAX_BYTES = 16 * 1024
const MUTATIONS_MAX = 6

/** Bytes at which parsers turn: ends, separators, signs, borders of ranges. */
const EDGES = [
  0, 1, 9, 10, 13, 32, 34, 37, 39, 44, 45, 46, 47, 48, 57, 58, 59, 91, 92, 93, 123, 125, 127, 128, 255,
]

type Mutation = (random: Random, input: Buffer, words: readonly string[], other: Buffer) => Buffer

const MUTATIONS: readonly Mutation[] = [
  (random, input) => {
    const copy = Buffer.from(input)
    if (copy.length > 0) copy[at(random, copy)] = randomIndex(random, 256)
    return copy
  },
  (random, input) =>
    splice(input, at(random, input), 0, Buffer.from([EDGES[randomIndex(random, EDGES.length)] ?? 0])),
  (random, input) => splice(input, at(random, input), 1 + randomIndex(random, 8), Buffer.alloc(0)),
  (random, input) => input.subarray(0, at(random, input)),
  (random, input) => {
    const start = at(random, input)
    const piece = input.subarray(start, start + 1 + randomIndex(random, 64))
    return splice(input, at(random, input), 0, piece)
  },
  (random, input) => {
    const start = at(random, input)
    const piece = input.subarray(start, start + 1 + randomIndex(random, 4))
    return splice(
      input,
      start,
      0,
      Buffer.concat(Array.from({ length: 2 ** randomIndex(random, 10) }, () => piece)),
    )
  },
  (random, input, words) =>
    splice(
      input,
      at(random, input),
      randomIndex(random, 4),
      Buffer.from(words[randomIndex(random, words.length)] ?? ''),
    ),
  (random, input, _words, other) =>
    Buffer.concat([input.subarray(0, at(random, input)), other.subarray(at(random, other))]),
  (random, input) => {
    const text = input.toString('latin1')
    const numbers = [...text.matchAll(/\d+/g)]
    const chosen = numbers[randomIndex(random, Math.max(1, numbers.length))]
    if (!chosen) return input
    const number = NUMBERS[randomIndex(random, NUMBERS.length)] ?? '0'
    return splice(input, chosen.index, chosen[0].length, Buffer.from(number))
  },
]

const NUMBERS = [
  '0',
  '-1',
  '1',
  '00',
  '255',
  '65536',
  '2147483648',
  '4294967296',
  '9007199254740993',
  '99999999999999999999',
  '1e999',
  '0x10',
  '1.5',
]

/** A few random changes of an input: of bytes, of pieces, of words and numbers. */
export function mutate(random: Random, input: Buffer, words: readonly string[], other: Buffer): Buffer {
  let mutated = input
  const count = 1 + randomIndex(random, MUTATIONS_MAX)
  for (let index = 0; index < count; index += 1) {
    const mutation = MUTATIONS[randomIndex(random, MUTATIONS.length)]
    if (mutation) mutated = mutation(random, mutated, words, other)
  }
  return mutated.subarray(0, INPUT_MAX_BYTES)
}

function at(random: Random, bytes: Buffer): number {
  return bytes.length === 0 ? 0 : randomIndex(random, bytes.length)
}

function splice(input: Buffer, start: number, remove: number, insert: Buffer): Buffer {
  return Buffer.concat([input.subarray(0, start), insert, input.subarray(start + remove)])
}
