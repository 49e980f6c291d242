import { type Logger, messageOf } from '../../../base/index.ts'
import { type ClusterRole, matchesLabels, type PolicyRule } from '../../../kube/index.ts'
import type { Store, StoredObject } from '../../store/index.ts'
import { sameJson } from '../json.ts'

const COLLECTION = 'rbac.authorization.k8s.io/clusterroles'
/** Roles aggregate roles that aggregate roles; more levels than this wait for the next change. */
const ROUNDS_MAX = 10

export interface Aggregation {
  readonly stop: () => void
}

/**
 * Keeps the rules of ClusterRoles with an `aggregationRule` equal to the rules of the roles that they select.
 * Resolves when all of them are so.
 */
export async function startAggregation(store: Store, logger: Logger): Promise<Aggregation> {
  let running: Promise<void> | undefined
  let again = false
  let stopped = false
  const run = async () => {
    do {
      again = false
      await aggregateAll(store)
    } while (again && !stopped)
  }
  const trigger = () => {
    again = true
    running ??= run()
      .catch((error: unknown) => logger.error('roles could not be aggregated', { error: messageOf(error) }))
      .finally(() => (running = undefined))
  }
  await aggregateAll(store)
  const subscribed = store.subscribe({ collection: COLLECTION, onEvents: trigger })
  return {
    stop() {
      stopped = true
      if (subscribed.kind === 'subscribed') subscribed.stop()
    },
  }
}

async function aggregateAll(store: Store): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const listed = store.list({ collection: COLLECTION })
    const stored = listed.kind === 'listed' ? listed.objects : []
    const changes = changedRoles(stored)
    if (changes.length === 0) return
    await Promise.all(
      changes.map(({ object, revision }) => {
        const key = { collection: COLLECTION, namespace: '', name: object.metadata.name }
        return store.write({ kind: 'put', key, object, expect: revision })
      }),
    )
  }
}

function changedRoles(stored: readonly StoredObject[]): readonly StoredObject[] {
  const roles = stored.map(({ object }) => object as ClusterRole)
  return stored.flatMap((entry) => {
    const role = entry.object as ClusterRole
    if (!role.aggregationRule) return []
    const rules = aggregatedRules(role, roles)
    return sameJson(rules, role.rules ?? []) ? [] : [{ ...entry, object: { ...role, rules } }]
  })
}

/** The rules of the selected roles, by role name, each rule once. */
export function aggregatedRules(role: ClusterRole, roles: readonly ClusterRole[]): readonly PolicyRule[] {
  const selectors = role.aggregationRule?.clusterRoleSelectors ?? []
  const selected = roles
    .filter(({ metadata }) => metadata.name !== role.metadata.name)
    .filter(({ metadata }) => selectors.some((selector) => matchesLabels(selector, metadata.labels)))
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  const rules = new Map<string, PolicyRule>()
  for (const rule of selected.flatMap((other) => other.rules ?? [])) {
    const text = JSON.stringify(rule)
    if (!rules.has(text)) rules.set(text, rule)
  }
  return [...rules.values()]
}
