import { runCommand } from '../../linux/index.ts'
import type { Family, RuleSet } from './rules.ts'
import { SERVICE_TABLE } from './script.ts'

/** Which clients keep to an endpoint: name of the set → their addresses, with the seconds that are left to each. */
export type KeptClients = ReadonlyMap<
  string,
  readonly { readonly address: string; readonly seconds: number }[]
>

/** What a service proxy before has left in the kernel; nothing where there is no table yet. */
export async function readKeptClients(family: Family, netns?: string): Promise<KeptClients> {
  const list = ['nft', '-j', 'list', 'table', family, SERVICE_TABLE]
  const [command = '', ...args] = netns === undefined ? list : ['nsenter', `--net=${netns}`, ...list]
  try {
    return parseKeptClients(JSON.parse(await runCommand(command, args)))
  } catch {
    return new Map() // the first start of this cluster, or an nft without JSON: clients are shared out anew
  }
}

interface ListedSet {
  readonly name?: string
  readonly elem?: readonly { readonly elem?: { readonly val?: unknown; readonly expires?: unknown } }[]
}

function parseKeptClients(listed: unknown): KeptClients {
  const { nftables } = listed as { readonly nftables: readonly { readonly set?: ListedSet }[] }
  const kept = new Map<string, { address: string; seconds: number }[]>()
  for (const { set } of nftables) {
    if (set?.name === undefined) continue
    const clients = (set.elem ?? []).flatMap(({ elem }) =>
      typeof elem?.val === 'string' && typeof elem.expires === 'number' && elem.expires > 0
        ? [{ address: elem.val, seconds: elem.expires }]
        : [],
    )
    if (clients.length > 0) kept.set(set.name, clients)
  }
  return kept
}

/** The commands that put the clients back into the sets that there still are. */
export function keptClientsScript(kept: KeptClients, rules: RuleSet): string {
  const lines = [...rules.clients].flatMap(([name, timeout]) => {
    const elements = (kept.get(name) ?? []).map(
      ({ address, seconds }) => `${address} timeout ${timeout}s expires ${seconds}s`,
    )
    return elements.length === 0
      ? []
      : [`add element ${rules.family} ${SERVICE_TABLE} ${name} { ${elements.join(', ')} }\n`]
  })
  return lines.join('')
}
