import type { Random } from '../../src/base/index.ts'
import { createKubeClient, KINDS, type KubeTransport } from '../../src/kube/client/index.ts'
import { waitFor } from '../support/wait.ts'
import { createGate } from './gate.ts'
import { idOf, type Ledger, type Note } from './ledger.ts'
import { type Follower, type FollowerOptions, type Scope, startInformer, startWatcher } from './watchers.ts'

const DEADLINE_MS = 20_000

const SCOPES: readonly Scope[] = [
  { namespace: 'default' },
  {},
  { labelSelector: 'shade=dark' },
  { namespace: 'other', labelSelector: 'shade=dark' },
]

/** Watchers and informers of several scopes, and one of each whose network is away now and then. */
export interface Followers {
  readonly newestRevision: () => number
  /** The travellers lose their network until it comes back. */
  readonly leave: () => void
  readonly comeBack: () => void
  /** Waits until all agree with the server. @returns what is wrong */
  readonly check: (ledger: Ledger, wereAway: boolean) => Promise<readonly string[]>
  readonly counts: () => { readonly events: number; readonly relists: number }
  readonly stop: () => Promise<void>
}

export async function startFollowers(options: {
  readonly transport: KubeTransport
  readonly random: Random
  readonly onViolation: (text: string) => void
}): Promise<Followers> {
  const { transport, random } = options
  const client = createKubeClient(transport)
  const gate = createGate(transport)
  const travelling = createKubeClient(gate.transport)
  const make = <T>(start: (all: FollowerOptions) => T, what: string, scope: Scope, from = client): T => {
    const name = `the ${what} of ${JSON.stringify(scope)}`
    return start({
      name,
      client: from,
      scope,
      random,
      onViolation: (text) => options.onViolation(`${name}: ${text}`),
    })
  }
  const traveller = make(startWatcher, 'travelling watcher', {}, travelling)
  const watchers = [traveller, ...SCOPES.map((scope) => make(startWatcher, 'watcher', scope))]
  const all: readonly Follower[] = [
    ...watchers,
    ...SCOPES.map((scope) => make(startInformer, 'informer', scope)),
    make(startInformer, 'travelling informer', {}, travelling),
    make(startInformer, 'travelling informer', { labelSelector: 'shade=dark' }, travelling),
  ]
  await waitFor('the watchers to begin', () => watchers.every((watcher) => watcher.revision() > 0))
  let relistsBefore = 0
  return {
    newestRevision: () => Math.max(...watchers.map((watcher) => watcher.revision())),
    leave() {
      relistsBefore = traveller.relists()
      gate.shut()
    },
    comeBack: gate.open,
    async check(ledger, wereAway) {
      const list = (scope: Scope) => client.list<Note>(KINDS.configMap, scope)
      const complaints = await Promise.all(all.map((follower) => disagreement(follower, list)))
      const wrong = complaints.filter((complaint) => complaint !== undefined)
      const acknowledged = ledger.takeAcknowledged()
      for (const watcher of watchers) {
        for (const write of watcher.missed(acknowledged))
          wrong.push(`${watcher.name} missed ${JSON.stringify(write)}`)
      }
      if (wereAway && traveller.relists() === relistsBefore) {
        wrong.push('the travelling watcher was not told that its revision is forgotten')
      }
      return wrong
    },
    counts: () => ({
      events: watchers.reduce((sum, watcher) => sum + watcher.events(), 0),
      relists: watchers.reduce((sum, watcher) => sum + watcher.relists(), 0),
    }),
    stop: async () => {
      await Promise.all(all.map((follower) => follower.stop()))
    },
  }
}

/** Waits until a follower has what the server has. @returns the difference that stays */
async function disagreement(
  follower: Follower,
  list: (scope: Scope) => Promise<{ readonly items: readonly Note[] }>,
): Promise<string | undefined> {
  let expected = new Map<string, number>()
  const differs = (): string[] => {
    const state = follower.state()
    const ids = new Set([...expected.keys(), ...state.keys()])
    return [...ids].filter((id) => expected.get(id) !== state.get(id))
  }
  try {
    await waitFor(
      'agreement',
      async () => {
        const { items } = await list(follower.scope)
        expected = new Map(items.map((item) => [idOf(item), Number(item.metadata.resourceVersion)]))
        return differs().length === 0
      },
      { deadlineMs: DEADLINE_MS },
    )
    return undefined
  } catch {
    const shown = differs().slice(0, 5)
    const texts = shown.map((id) => `${id} at ${follower.state().get(id)}, not ${expected.get(id)}`)
    return `${follower.name} has another state than the server: ${texts.join(', ')}`
  }
}
