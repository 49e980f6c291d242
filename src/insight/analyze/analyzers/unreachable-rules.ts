import type { KubeObject } from '../../../kube/index.ts'
import { canonicalJson } from '../../../model/index.ts'
import type { Analyzer } from '../context.ts'
import { type Message, createMessage } from '../messages.ts'
import { listAt, membersAt, numberAt, textAt } from '../read.ts'

/** Rules of a VirtualService that nothing can reach, because earlier ones take it all (IST0130, IST0131). */
export const unreachableRules: Analyzer = {
  name: 'schema.ValidationAnalyzer.VirtualService',
  analyze: (context) =>
    context
      .of('virtualService')
      .flatMap((object) => [
        ...checkRules(object, 'http'),
        ...checkRules(object, 'tcp'),
        ...checkRules(object, 'tls'),
        ...checkPrefixes(object),
      ]),
}

function checkRules(object: KubeObject, protocol: 'http' | 'tcp' | 'tls'): readonly Message[] {
  const rules = listAt(object, 'spec', protocol)
  const seen = new Map<string, number>()
  const messages: Message[] = []
  let catchAll = false
  rules.forEach((rule, i) => {
    const matches = listAt(rule, 'match')
    if (matches.length === 0) {
      if (catchAll)
        messages.push(
          createMessage('IST0130', object, nameOf(rule, i), 'only the last rule can have no matches'),
        )
      catchAll = true
      return
    }
    let duplicates = 0
    matches.forEach((match, j) => {
      if (catchAll) {
        messages.push(
          createMessage('IST0130', object, nameOf(rule, i), 'route without matches defined before'),
        )
        return
      }
      const content = canonicalJson(withoutName(match))
      const earlier = seen.get(content)
      if (earlier === undefined) seen.set(content, i)
      else {
        duplicates++
        messages.push(
          createMessage(
            'IST0131',
            object,
            nameOf(rule, i),
            nameOf(match, j),
            nameOf(rules[earlier], earlier),
          ),
        )
      }
    })
    if (duplicates === matches.length) {
      messages.push(createMessage('IST0130', object, nameOf(rule, i), 'all matches used by prior rules'))
    }
  })
  return messages
}

function nameOf(value: unknown, index: number): string {
  const name = textAt(value, 'name')
  return name === undefined ? `#${index}` : JSON.stringify(name)
}

function withoutName(match: unknown): unknown {
  return Object.fromEntries(membersAt(match).filter(([name]) => name !== 'name'))
}

/** A match by prefix with what else it asks for, in the terms of Istio's check. */
interface PrefixMatch {
  readonly rule: string
  readonly match: string
  readonly prefix: string
  readonly port: number | undefined
  readonly texts: readonly string[]
  readonly maps: readonly ReadonlyMap<string, string>[]
}

/** A prefix that an earlier, shorter one covers. */
function checkPrefixes(object: KubeObject): readonly Message[] {
  const matches = listAt(object, 'spec', 'http').flatMap((rule, i) =>
    listAt(rule, 'match').flatMap((match, j) => readPrefixMatch(match, nameOf(rule, i), nameOf(match, j))),
  )
  return matches.flatMap((earlier, i) =>
    matches
      .slice(i + 1)
      .filter((later) => later.prefix !== earlier.prefix && covers(earlier, later))
      .map((later) =>
        createMessage(
          'IST0131',
          object,
          later.rule,
          `${later.match} of prefix ${later.prefix}`,
          `${earlier.match} of prefix ${earlier.prefix} on ${earlier.rule}`,
        ),
      ),
  )
}

function readPrefixMatch(match: unknown, rule: string, name: string): readonly PrefixMatch[] {
  const prefix = textAt(match, 'uri', 'prefix')
  if (prefix === undefined) return []
  const method = exactOrPrefix(match, 'method')
  return [
    {
      rule,
      match: name,
      prefix,
      port: numberAt(match, 'port'),
      texts: [method === '' ? 'exact GET' : method, exactOrPrefix(match, 'authority')],
      maps: ['headers', 'queryParams', 'withoutHeaders'].map(
        (field) =>
          new Map(membersAt(match, field).map(([key, value]) => [key, exactOrPrefix({ value }, 'value')])),
      ),
    },
  ]
}

function exactOrPrefix(match: unknown, name: string): string {
  const exact = textAt(match, name, 'exact')
  const prefix = textAt(match, name, 'prefix')
  if (exact !== undefined) return `exact ${exact}`
  return prefix === undefined ? '' : `prefix ${prefix}`
}

function covers(earlier: PrefixMatch, later: PrefixMatch): boolean {
  return (
    later.prefix.startsWith(earlier.prefix) &&
    later.port === earlier.port &&
    earlier.texts.every((text, i) => text.startsWith(later.texts[i] ?? '')) &&
    earlier.maps.every((map, i) => {
      const other = later.maps[i]
      return (
        other?.size === map.size && [...map].every(([key, value]) => value.startsWith(other.get(key) ?? '\0'))
      )
    })
  )
}
