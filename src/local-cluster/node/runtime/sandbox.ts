import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import type { Clock } from '../../../base/index.ts'
import { applyNft, hardwareAddress, ipBatch, linkExists, runCommand } from '../../../linux/index.ts'
import { linkName, type PodPaths } from '../paths.ts'

/** A pod's network, host name and IPC namespaces, with its address. They outlive every process of the node. */
export interface SandboxOptions {
  readonly paths: PodPaths
  readonly uid: string
  readonly ip: string
  /** Where the machine has IPv6; a pod without an address of its own there has none at all. */
  readonly ipv6?: { readonly address: string | undefined; readonly gateway: string }
  readonly hostname: string
  readonly bridge: string
  /** The bridge's own address. */
  readonly gateway: string
  readonly sysctls: readonly { readonly name: string; readonly value: string }[]
  /** The machine's own network instead of one for the pod. */
  readonly hostNetwork: boolean
  readonly hostIpc: boolean
}

const NETNS_DIRECTORY = '/run/netns'

/**
 * Makes the sandbox with one spawned shell. The address is a /32 whose only neighbour is the bridge, so that
 * every packet passes the machine's own routing: two pods on one bridge would otherwise answer each other past
 * the address translation of Services.
 * @throws with the failing command's words; what was half made is removed by `deleteSandbox`
 */
export async function createSandbox(options: SandboxOptions): Promise<void> {
  const { paths } = options
  mkdirSync(paths.etc, { recursive: true, mode: 0o755 })
  mkdirSync(NETNS_DIRECTORY, { recursive: true })
  for (const file of [paths.netns, paths.uts, paths.ipc]) writeFileSync(file, '')
  const link = linkName(options.uid)
  const inside =
    '{ echo "$1" > /proc/sys/kernel/hostname; } 2> /dev/null || hostname "$1"; eval "$3"; echo "$2" | ip -batch - || exit 1; eval "$4"'
  const script = [
    'set -e',
    ...(options.hostNetwork ? ['mount --bind "/proc/$8/ns/net" "$1"'] : []),
    ...(options.hostIpc ? ['mount --bind "/proc/$8/ns/ipc" "$3"'] : []),
    `unshare ${unsharedNamespaces(options)} sh -c '${options.hostNetwork ? NAME_ONLY : inside}' sh "$4" "$5" "$7" "$9"`,
    ...(options.hostNetwork ? [] : ['echo "$6" | ip -batch -']),
  ].join('\n')
  await runCommand('sh', [
    '-c',
    script,
    'sandbox',
    paths.netns,
    paths.uts,
    paths.ipc,
    options.hostname,
    insideCommands(options, link).join('\n'),
    [
      `link set ${link} master ${options.bridge}`,
      // Where bridged packets pass the translation of addresses (br_netfilter, which Docker loads), a pod that
      // reaches itself through its Service would have its packets dropped: they go back where they came from.
      `link set ${link} type bridge_slave hairpin on`,
      `link set ${link} up`,
      `route replace ${options.ip}/32 dev ${options.bridge} src ${options.gateway}`,
      ...ofIpv6(options, (address, gateway) => [
        `route replace ${address}/128 dev ${options.bridge} src ${gateway}`,
        // It stays when the pod goes, and is right for the next one of this address.
        `neigh replace ${address} lladdr ${hardwareAddress(options.ip)} dev ${options.bridge} nud permanent`,
      ]),
    ].join('\n'),
    sysctlScript([...DEFAULT_SYSCTLS, ...ipv6Sysctls(options)]),
    String(process.pid),
    sysctlScript(options.sysctls),
  ])
}

const NAME_ONLY = '{ echo "$1" > /proc/sys/kernel/hostname; } 2> /dev/null || hostname "$1"'

function unsharedNamespaces({ hostNetwork, hostIpc }: SandboxOptions): string {
  const own = ['"--uts=$2"', ...(hostNetwork ? [] : ['"--net=$1"']), ...(hostIpc ? [] : ['"--ipc=$3"'])]
  return own.join(' ')
}

/** As container runtimes do: who is not root may listen on every port and send pings. */
const DEFAULT_SYSCTLS = [
  { name: 'net.ipv4.ip_unprivileged_port_start', value: '0' },
  { name: 'net.ipv4.ping_group_range', value: '0 2147483647' },
]

/** A pod without an address of its own has IPv6 with itself only: none between it and others on the bridge. */
function ipv6Sysctls({ ipv6 }: SandboxOptions): SandboxOptions['sysctls'] {
  if (ipv6 === undefined) return []
  if (ipv6.address === undefined) return [{ name: 'net.ipv6.conf.default.disable_ipv6', value: '1' }]
  return ['all', 'default'].flatMap((link) => [
    { name: `net.ipv6.conf.${link}.disable_ipv6`, value: '0' },
    // IPv6 cannot be told to send no redirects: past the machine, a pod would not be reached as a Service's.
    { name: `net.ipv6.conf.${link}.accept_redirects`, value: '0' },
    { name: `net.ipv6.conf.${link}.accept_ra`, value: '0' },
  ])
}

function ofIpv6(
  { ipv6 }: SandboxOptions,
  commands: (address: string, gateway: string) => readonly string[],
): readonly string[] {
  return ipv6?.address === undefined ? [] : commands(ipv6.address, ipv6.gateway)
}

/** Settings of the pod's own namespaces only; the API server has checked neither names nor values. */
function sysctlScript(sysctls: SandboxOptions['sysctls']): string {
  return sysctls
    .filter(
      ({ name, value }) =>
        /^(?:net|kernel\.(?:shm|msg|sem))[a-z0-9._/-]*$/.test(name) && /^[\w .-]+$/.test(value),
    )
    .filter(({ name }) => !name.includes('..'))
    .map(({ name, value }) => `echo '${value}' > /proc/sys/${name.replaceAll('.', '/')} || :`)
    .join('\n')
}

function insideCommands(options: SandboxOptions, link: string): readonly string[] {
  return [
    'link set lo up',
    // The peer is made in the namespace of the node agent: the spawned shell's parent.
    `link add eth0 address ${hardwareAddress(options.ip)} mtu 1500 type veth peer name ${link} netns ${process.pid}`,
    `addr add ${options.ip}/32 dev eth0`,
    'link set eth0 up',
    `route add ${options.gateway}/32 dev eth0 scope link src ${options.ip}`,
    `route add default via ${options.gateway} dev eth0 src ${options.ip}`,
    ...ofIpv6(options, (address, gateway) => [
      // Nobody else gives these addresses out: no waiting for the detection of duplicates.
      `addr add ${address}/128 dev eth0 nodad`,
      // The first question for a neighbour gets lost while the link comes up, and the next one is a second later.
      `neigh add ${gateway} lladdr ${hardwareAddress(options.gateway)} dev eth0 nud permanent`,
      `route add ${gateway}/128 dev eth0 src ${address}`,
      `route add default via ${gateway} dev eth0 src ${address}`,
    ]),
  ]
}

/** @returns whether namespaces and link are all there (they are gone after a reboot) */
export function sandboxExists(paths: PodPaths, uid: string, hostNetwork: boolean): boolean {
  return existsSync(paths.netns) && existsSync(paths.uts) && (hostNetwork || linkExists(linkName(uid)))
}

/**
 * Removes whatever of the sandbox is there. Its processes must have ended: they would keep the namespaces.
 * @param addresses the pod's own, which are unreachable from then on
 */
export async function deleteSandbox(
  paths: PodPaths,
  uid: string,
  addresses: readonly string[],
): Promise<void> {
  const link = linkName(uid)
  const files = [paths.netns, paths.uts, paths.ipc].filter((file) => existsSync(file))
  if (files.length > 0 || linkExists(link)) {
    const script =
      'link=$1 routes=$2; shift 2; ip link delete "$link" 2>/dev/null; for r in $routes; do ip route delete "$r" 2>/dev/null; done; for f; do umount -l "$f" 2>/dev/null; done; :'
    await runCommand('sh', ['-c', script, 'sandbox', link, addresses.join(' '), ...files])
  }
  for (const file of files) rmSync(file, { force: true })
}

/** How long the kernel may take to end the links of namespaces that nothing is in any more. */
const LINKS_GONE_MS = 1000
const LINKS_POLL_MS = 5

/**
 * Removes the sandboxes of many pods. Links end with their namespaces, together, where deleting them one after
 * another costs 18 ms each (measured: 30 links in 0.1 s instead of 0.6 s); only those that stay are deleted.
 */
export async function deleteSandboxes(
  pods: readonly { readonly paths: PodPaths; readonly uid: string }[],
  clock: Clock,
): Promise<void> {
  const files = pods
    .flatMap(({ paths }) => [paths.netns, paths.uts, paths.ipc])
    .filter((file) => existsSync(file))
  if (files.length > 0) {
    await runCommand('sh', ['-c', 'umount -l -- "$@" 2>/dev/null; :', 'sandboxes', ...files])
    for (const file of files) rmSync(file, { force: true })
  }
  const links = () => pods.map(({ uid }) => linkName(uid)).filter((link) => linkExists(link))
  const deadline = clock.monotonic() + LINKS_GONE_MS
  while (links().length > 0 && clock.monotonic() < deadline) await clock.sleep(LINKS_POLL_MS)
  const left = links().map((link) => `link delete ${link}`)
  if (left.length > 0) await ipBatch(left, { force: true })
}

/** Applies rules in the pod's network namespace. */
export async function applyPodRules(paths: PodPaths, nft: string): Promise<void> {
  await applyNft(nft, paths.netns)
}
