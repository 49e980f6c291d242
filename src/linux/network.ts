import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { assert, formatIpv4, formatIpv6, parseIpv4Cidr, parseIpv6Cidr } from '../base/index.ts'
import { runCommand } from './command.ts'

const NETNS_DIRECTORY = '/run/netns'

/** Where `ip netns` keeps a named namespace. */
export function netnsPath(name: string): string {
  return `${NETNS_DIRECTORY}/${name}`
}

/** Names that begin with the prefix. */
export function listNetns(prefix: string): readonly string[] {
  if (!existsSync(NETNS_DIRECTORY)) return []
  return readdirSync(NETNS_DIRECTORY).filter((name) => name.startsWith(prefix))
}

/** Creates the namespace; one that exists is left as it is. */
export async function createNetns(name: string): Promise<void> {
  if (existsSync(netnsPath(name))) return
  await runCommand('ip', ['netns', 'add', name])
}

/** Removes the name; the namespace itself goes with its last process. One that is gone already is success. */
export async function deleteNetns(name: string): Promise<void> {
  if (!existsSync(netnsPath(name))) return
  await runCommand('ip', ['netns', 'delete', name])
}

/** Runs many `ip` commands as one process (`ip -batch -`): a process costs a millisecond, a command nothing. */
export async function ipBatch(
  commands: readonly string[],
  options: { readonly netns?: string; readonly force?: boolean } = {},
): Promise<void> {
  const where = options.netns === undefined ? [] : ['-n', options.netns]
  const force = options.force ? ['-force'] : []
  await runCommand('ip', [...where, ...force, '-batch', '-'], { input: `${commands.join('\n')}\n` })
}

/** Applies an nft script as one transaction: all of it or nothing. @param netns a path such as /run/netns/x */
export async function applyNft(script: string, netns?: string): Promise<void> {
  if (netns === undefined) await runCommand('nft', ['-f', '-'], { input: script })
  else await runCommand('nsenter', [`--net=${netns}`, 'nft', '-f', '-'], { input: script })
}

/** Whether this network namespace has the link. (/sys/class/net shows the namespace that mounted /sys.) */
export function linkExists(name: string): boolean {
  const lines = readFileSync('/proc/thread-self/net/dev', 'latin1').split('\n')
  return lines.some((line) => line.trimStart().startsWith(`${name}:`))
}

/** The bridge that pods are plugged into. */
export interface BridgeOptions {
  readonly name: string
  /** With prefix length: `10.42.0.1/16`. */
  readonly address: string
  /** Further host addresses, each with prefix length. */
  readonly extraAddresses: readonly string[]
  /** Networks whose packets are rewritten before they leave, such as the Services'. */
  readonly routes: readonly string[]
  /** The same for IPv6, where the machine has it. */
  readonly ipv6?: { readonly address: string; readonly routes: readonly string[] }
}

/** Whether this network namespace has IPv6. */
export function hasIpv6(): boolean {
  const setting = '/proc/sys/net/ipv6/conf/all/disable_ipv6'
  return existsSync(setting) && readFileSync(setting, 'latin1').trim() === '0'
}

/**
 * The hardware address of whoever has this IPv4 address, so that no neighbour table is ever stale: an address that is
 * used again keeps it, and so does a bridge, which would otherwise take the lowest of its ports as they come and go.
 */
export function hardwareAddress(ip: string): string {
  const bytes = ip.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))
  return ['0a', '58', ...bytes].join(':')
}

/** Makes the bridge what the options say; run twice it changes nothing. */
export async function ensureBridge(options: BridgeOptions): Promise<void> {
  const { name, address } = options
  const source = address.slice(0, address.indexOf('/'))
  if (!linkExists(name)) await addBridge(name)
  await ipBatch([
    `link set ${name} address ${hardwareAddress(source)}`,
    `addr replace ${address} dev ${name} noprefixroute`,
    // Each thing on the bridge has a route of its own: what has gone is unreachable at once, for those too who have
    // just begun to call it, instead of after the minutes that TCP would wait for an answer.
    `route replace unreachable ${networkOf(address)}`,
    ...options.extraAddresses.map((extra) => `addr replace ${extra} dev ${name}`),
    `link set ${name} up`,
    'link set lo up',
    ...options.routes.map((route) => `route replace ${route} dev ${name} src ${source}`),
  ])
  for (const [path, value] of forwardingSettings(name)) writeFileSync(`/proc/sys/net/ipv4/${path}`, value)
  if (options.ipv6 !== undefined) await ensureBridgeIpv6(name, options.ipv6)
}

/** Without the detection of duplicates, for which an address would have to wait: nobody else gives these out. */
async function ensureBridgeIpv6(name: string, ipv6: NonNullable<BridgeOptions['ipv6']>): Promise<void> {
  const { address, routes } = ipv6
  const source = address.slice(0, address.indexOf('/'))
  writeFileSync(`${IPV6_SETTINGS}/${name}/disable_ipv6`, '0')
  await ipBatch([
    `addr replace ${address} dev ${name} noprefixroute nodad`,
    `route replace unreachable ${networkOf(address)}`,
    ...routes.map((route) => `route replace ${route} dev ${name} src ${source}`),
  ])
  keepAdvertisedRoutes()
  writeFileSync(`${IPV6_SETTINGS}/all/forwarding`, '1')
}

const IPV6_SETTINGS = '/proc/sys/net/ipv6/conf'

/**
 * A machine that forwards is a router, and one such hears no other's advertisements unless told to (2): its own
 * default route would be dropped.
 */
function keepAdvertisedRoutes(): void {
  for (const link of readdirSync(IPV6_SETTINGS)) {
    const setting = `${IPV6_SETTINGS}/${link}/accept_ra`
    try {
      if (readFileSync(setting, 'latin1').trim() === '1') writeFileSync(setting, '2')
    } catch {
      // The link of a pod that has gone since the list was made.
    }
  }
}

/** The machine routes between pods, never tells them of shortcuts, and lets its own 127.0.0.1 reach node ports. */
function forwardingSettings(bridge: string): readonly (readonly [string, string])[] {
  return [
    ['ip_forward', '1'],
    ['conf/all/send_redirects', '0'],
    [`conf/${bridge}/send_redirects`, '0'],
    [`conf/${bridge}/rp_filter`, '2'],
    [`conf/${bridge}/route_localnet`, '1'],
  ]
}

async function addBridge(name: string): Promise<void> {
  try {
    await ipBatch([`link add ${name} type bridge forward_delay 0`])
  } catch (error) {
    // Another process of the cluster may have been quicker.
    if (!linkExists(name)) throw error
  }
}

/** Takes away what `ensureBridge` made. @param addresses the bridge's own, with prefix length */
export async function deleteBridge(name: string, addresses: readonly string[]): Promise<void> {
  await deleteLink(name)
  const routes = addresses.map((address) => `route delete unreachable ${networkOf(address)}`)
  await ipBatch(routes, { force: true }).catch(() => {
    // They were not there.
  })
}

/** `10.42.0.1/16` → `10.42.0.0/16` */
function networkOf(address: string): string {
  const ipv4 = parseIpv4Cidr(address)
  if (ipv4 !== undefined) return `${formatIpv4(ipv4.base)}/${ipv4.bits}`
  const ipv6 = parseIpv6Cidr(address)
  assert(ipv6 !== undefined, `${address} is no address with a prefix length`)
  return `${formatIpv6(ipv6.base)}/${ipv6.bits}`
}

export async function deleteLink(name: string): Promise<void> {
  if (linkExists(name)) await ipBatch([`link delete ${name}`])
}
