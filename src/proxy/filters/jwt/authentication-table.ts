import type { Clock, Logger, Random } from '../../../base/index.ts'
import {
  isInScope,
  type JwtRule,
  type RequestAuthentication,
  type RequestAuthenticationName,
} from '../../../model/index.ts'
import { discoverKeys, fetchText, type LocateKeyServer } from './fetch-keys.ts'
import { type JwtRules, outputsOf } from './filter.ts'
import { fetchedKeys, inlineKeys, type KeySource } from './key-source.ts'
import { createJwtVerifier, type JwtVerifier } from './verifier.ts'

/** The rules for tokens of one proxy, with the keys that they need. */
export interface AuthenticationTable {
  readonly set: (policy: RequestAuthentication) => void
  readonly delete: (key: RequestAuthenticationName) => void
  /** Brings keys in line with the rules. */
  readonly settle: () => void
  /** @returns undefined while there is no rule */
  readonly rules: () => JwtRules | undefined
  readonly policies: () => Iterable<RequestAuthentication>
  readonly close: () => void
}

export function createAuthenticationTable(options: {
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  readonly locate: LocateKeyServer
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}): AuthenticationTable {
  const policies = new Map<RequestAuthenticationName, RequestAuthentication>()
  let isStale = false
  let rules: JwtRules | undefined
  let verifiers = new Map<JwtRule, JwtVerifier>()
  let sources = new Map<string, KeySource>()

  /** Rules that ask at one place for their keys share them, and keep them when something else changes. */
  function follow(): void {
    const next = new Map<string, KeySource>()
    const sourceOf = (rule: JwtRule): KeySource => {
      const id = JSON.stringify([rule.keys, rule.keys.kind === 'discovered' ? rule.issuer : ''])
      const source = next.get(id) ?? sources.get(id) ?? createSource(rule)
      next.set(id, source)
      return source
    }
    const ordered = [...policies.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1))
    const kept = new Map<JwtRule, JwtVerifier>()
    for (const rule of ordered.flatMap((policy) => policy.rules)) {
      const before = verifiers.get(rule)
      kept.set(rule, before ?? createJwtVerifier(rule, sourceOf(rule)))
      if (before !== undefined) sourceOf(rule)
    }
    for (const [id, source] of sources) if (!next.has(id)) source.close()
    sources = next
    verifiers = kept
    const list = [...kept.values()]
    rules = policies.size === 0 ? undefined : { verifiers: list, outputs: outputsOf(list) }
  }

  function createSource(rule: JwtRule): KeySource {
    const { keys, issuer } = rule
    if (keys.kind === 'inline') return inlineKeys(keys.jwks)
    const { locate, clock, random, logger } = options
    const { timeoutMs } = keys
    return fetchedKeys({
      name: keys.kind === 'remote' ? keys.uri : issuer,
      fetch: async (signal) => {
        const call = { locate, timeoutMs, signal }
        return fetchText(keys.kind === 'remote' ? keys.uri : await discoverKeys(issuer, call), call)
      },
      clock,
      random,
      logger,
    })
  }

  return {
    set(policy) {
      if (isInScope(policy.scope, options)) policies.set(policy.key, policy)
      else if (!policies.delete(policy.key)) return
      isStale = true
    },
    delete(key) {
      if (policies.delete(key)) isStale = true
    },
    settle() {
      if (!isStale) return
      isStale = false
      follow()
    },
    rules: () => rules,
    policies: () => policies.values(),
    close() {
      for (const source of sources.values()) source.close()
    },
  }
}
