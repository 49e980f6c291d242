/**
 * The corpus: files of YAML documents, each with a comment of its own:
 *
 *     # the one reason why it is here, in one or more lines
 *     # valid | invalid
 *     # - an error that it must get, or a part of it; one line each, in their order
 *     # in: the editions it is for, where it is not for all that serve its kind
 *     # replaces: the document before; then the rules about changes are in force
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import type { KubeObject } from '../../../src/kube/index.ts'
import { EDITIONS, type Edition } from './definitions.ts'

export interface Case {
  /** file and line */
  readonly place: string
  readonly reason: string
  readonly valid: boolean
  /** parts of the messages; none for a valid object */
  readonly errors: readonly string[]
  readonly editions: readonly Edition[]
  readonly object: KubeObject
  /** what it replaces, in a case of an update */
  readonly old?: KubeObject
}

const CORPUS = fileURLToPath(new URL('..', import.meta.url))

export function loadCases(): readonly Case[] {
  return readdirSync(CORPUS, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .flatMap((file) => parseCases(file, readFileSync(`${CORPUS}/${file}`, 'utf8')))
}

function parseCases(file: string, text: string): readonly Case[] {
  const cases: Case[] = []
  let line = 1
  for (const part of text.split(/^---\n/m)) {
    const place = `test/corpus/${file}:${line}`
    line += part.split('\n').length
    if (part.trim() !== '') cases.push(parseCase(place, part, cases.at(-1)))
  }
  return cases
}

function parseCase(place: string, text: string, before: Case | undefined): Case {
  const comments = [...text.matchAll(/^# (.*)$/gm)].map((match) => match[1] ?? '')
  const at = comments.findIndex((comment) => comment === 'valid' || comment === 'invalid')
  if (at < 1) throw new Error(`${place}: no reason, or no verdict, in the comment`)
  const settings = comments.slice(at + 1).filter((comment) => !comment.startsWith('- '))
  const isUpdate = settings.some((comment) => comment.startsWith('replaces:'))
  if (isUpdate && before === undefined) throw new Error(`${place}: there is no document before`)
  return {
    place,
    reason: comments.slice(0, at).join(' '),
    valid: comments[at] === 'valid',
    errors: comments.filter((comment) => comment.startsWith('- ')).map((comment) => comment.slice(2)),
    editions: editionsOf(settings),
    object: parse(text) as KubeObject,
    ...(isUpdate && before !== undefined ? { old: before.object } : {}),
  }
}

function editionsOf(settings: readonly string[]): readonly Edition[] {
  const named = settings.find((setting) => setting.startsWith('in: '))
  if (named === undefined) return EDITIONS
  const names = named.slice(4).split(', ')
  const found = EDITIONS.filter((edition) => names.some((name) => edition.includes(name)))
  if (found.length === 0) throw new Error(`no such edition: ${named}`)
  return found
}
