import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Mesh } from '../../../model/index.ts'
import { meshObject } from '../../testing.ts'
import { guardApp, type GuardedApp, one, policyOf, requestTo } from './testing.ts'

/*
 * Spellings of a path that is refused, through the codec, the normalisation and the decision. Whatever passes must be
 * another path to an application that reads it as the mesh's normalisation says applications do.
 */

type Normalization = NonNullable<Mesh['pathNormalization']>

const hex = (character: string, isUpper: boolean): string => {
  const digits = character.charCodeAt(0).toString(16).padStart(2, '0')
  return `%${isUpper ? digits.toUpperCase() : digits}`
}

/** `admin`, as it can be written. */
function spellWord(word: string): readonly string[] {
  const characters = word.split('')
  const at = (index: number, change: (character: string) => string) =>
    characters.map((character, i) => (i === index ? change(character) : character)).join('')
  return [
    word,
    ...characters.flatMap((_, i) => [at(i, (c) => hex(c, false)), at(i, (c) => hex(c, true))]),
    ...characters.map((_, i) => at(i, (c) => hex(c, false).replace('%', '%25'))),
    ...characters.map((_, i) =>
      at(
        i,
        (c) =>
          `%${hex(c, false)
            .slice(1)
            .split('')
            .map((d) => hex(d, false))
            .join('')}`,
      ),
    ),
    ...characters.map((_, i) =>
      at(i, (c) => `%${hex(c, false).slice(1, 2)}${hex(hex(c, false).slice(2), false)}`),
    ),
    characters.map((c) => hex(c, true)).join(''),
    characters.map((c) => hex(c, false).replace('%', '%25')).join(''),
    word.toUpperCase(),
    `${word};a=b`,
    `${word}%3ba=b`,
    `${word}.`,
    `${word}%20`,
    `${word}%00`,
    `${word}%%30%30`,
    `${word}\t`,
    `${word}%0d%0a`,
    `%c1%a1${word.slice(1)}`,
    `${word.slice(0, -1)}\u{ff4e}`,
    `${word.slice(0, -1)}%ef%bd%8e`,
  ]
}

const BEFORE = [
  '/',
  '//',
  '///',
  '/./',
  '/%2e/',
  '/%2E%2f',
  '/x/../',
  '/x/%2e%2e/',
  '/x/.%2e/',
  '/x/..%2f',
  '/x/..%5c',
  '/x%2f..%2f',
  '/x\\..\\',
  '/\\',
  '\\',
  '/%2f',
  '/%5c',
  '/%252f',
  '/%%32%66',
  '/x/%%32%65%%32%65/',
  '/;/',
  '/.;/',
  '/..;/',
  '/x;/../',
  '/%c0%ae/',
  '/%c0%af',
  '/%e2%88%95',
  '/../',
  '/x//../',
  '/x/..//',
  '/#/../',
  '/?/../',
  'http://app.demo/',
  'HTTP://APP.DEMO//',
  'http://app.demo/x/../',
  'http://app.demo:80/',
  'https://app.demo/%2e/',
  'http://user@app.demo/',
  'http://app.demo?/',
  'http://app.demo',
  '//app.demo/',
  '*/',
  '',
]

const AFTER = [
  '',
  '/',
  '//',
  '/.',
  '/./',
  '/x/..',
  '?',
  '?a=/..',
  '#',
  '#a',
  '%23',
  '%3f',
  '/%2e',
  '%2f',
  '%5c',
  '\\',
  '/secret',
  '/%73ecret',
  '/secret/..',
]

const WORDS = spellWord('admin')

const SPELLINGS = [
  ...new Set([
    ...BEFORE.flatMap((start) => WORDS.map((word) => start + word)),
    ...AFTER.flatMap((end) => WORDS.map((word) => `/${word}${end}`)),
    ...BEFORE.flatMap((start) => AFTER.map((end) => `${start}admin${end}`)),
  ]),
]

/** What an application takes a target for. */
function pathAtApplication(target: string, how: Normalization): string {
  const [path = ''] = target.replace(/^https?:\/\/[^/?#]*/i, '').split(/[?#]/)
  const keepsSlashes = how !== 'decode-and-merge-slashes'
  const decoded = path.replaceAll(/%([0-9a-f]{2})/gi, (encoded, digits: string) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16))
    return keepsSlashes && (character === '/' || character === '\\') ? encoded : character
  })
  const slashed = decoded.replaceAll('\\', '/')
  const merged = how === 'base' ? slashed : slashed.replaceAll(/\/{2,}/g, '/')
  const segments: string[] = []
  for (const segment of merged.split('/').slice(1)) {
    if (segment === '..') segments.pop()
    else if (segment !== '.') segments.push(segment)
  }
  return `/${segments.join('/')}`
}

const isProtected = (path: string): boolean => path === '/admin' || path.startsWith('/admin/')

describe('no spelling of a path gets around a DENY', () => {
  let app: GuardedApp
  before(async () => {
    app = await guardApp(meshObject())
    app.set(policyOf('admin', { kind: 'deny' }, [{ to: [[one('path', ['/admin', '/admin/*'])]] }]))
  })
  after(() => app.close())

  test('the corpus is large enough, and has what is protected as well as what is not', () => {
    assert.ok(SPELLINGS.length >= 250, String(SPELLINGS.length))
    assert.ok(SPELLINGS.some((path) => isProtected(pathAtApplication(path, 'base'))))
    assert.ok(SPELLINGS.some((path) => !isProtected(pathAtApplication(path, 'decode-and-merge-slashes'))))
  })

  for (const how of ['base', 'merge-slashes', 'decode-and-merge-slashes'] as const) {
    test(`with ${how}`, async () => {
      app.set({ ...(meshObject() as Mesh), pathNormalization: how })
      const counts = { passed: 0, refused: 0, malformed: 0 }
      const wrong: string[] = []
      for (const spelling of SPELLINGS) {
        app.seen.length = 0
        const bytes = Buffer.from(spelling, 'utf8').toString('latin1')
        const answer = await app.send(requestTo('GET', bytes)).catch(() => '')
        const status = answer.slice(9, 12)
        if (status === '403') counts.refused++
        else if (status !== '200') counts.malformed++
        else {
          counts.passed++
          const target = /^GET (\S+) /.exec(app.seen[0] ?? '')?.[1] ?? ''
          if (isProtected(pathAtApplication(target, how))) wrong.push(`${spelling} → ${target}`)
        }
      }
      assert.deepEqual(wrong, [])
      assert.ok(counts.refused > 100 && counts.passed > 100 && counts.malformed > 10, JSON.stringify(counts))
    })
  }
})
