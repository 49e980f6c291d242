/** What istio-iptables is told, by the names of its own flags. */
export interface CaptureOptions {
  /** `-p`: where outgoing connections go. */
  readonly outboundPort: number
  /** `-z`: where incoming connections go. */
  readonly inboundPort: number
  /** `-e`: HBONE, never redirected. */
  readonly tunnelPort: number
  /** `-u`, `-g`: whose connections pass. */
  readonly uids: readonly number[]
  readonly gids: readonly number[]
  /** `-b`: ports whose incoming connections are redirected. */
  readonly inboundPorts: 'all' | readonly number[]
  /** `-d`: exceptions to that. */
  readonly inboundExcluded: readonly number[]
  /** `-i`: networks whose outgoing connections are redirected. */
  readonly outboundCidrs: 'all' | readonly string[]
  /** `-x`: exceptions to that. */
  readonly outboundExcludedCidrs: readonly string[]
  /** `-q`: ports whose outgoing connections are redirected whatever the network. */
  readonly outboundPorts: 'all' | readonly number[]
  /** `-o`: ports whose outgoing connections pass. */
  readonly outboundExcluded: readonly number[]
}

const FLAGS: Readonly<Record<string, string>> = {
  p: 'envoy-port',
  z: 'inbound-capture-port',
  e: 'inbound-tunnel-port',
  u: 'proxy-uid',
  g: 'proxy-gid',
  m: 'istio-inbound-interception-mode',
  b: 'istio-inbound-ports',
  d: 'istio-local-exclude-ports',
  i: 'istio-service-cidr',
  x: 'istio-service-exclude-cidr',
  q: 'istio-outbound-ports',
  o: 'istio-local-outbound-ports-exclude',
  k: 'kube-virt-interfaces',
  c: 'istio-exclude-interfaces',
  t: 'inbound-tproxy-mark',
  r: 'inbound-tproxy-route-table',
}

/** Flags without a value when it does not follow. */
const SWITCHES = [
  'redirect-dns',
  'capture-all-dns',
  'run-validation',
  'skip-rule-apply',
  'dry-run',
  'force-apply',
]

/** @throws on a flag that istio-iptables does not have, or a value that is none */
export function parseCaptureArguments(args: readonly string[]): CaptureOptions {
  const flags = collectFlags(args[0] === 'istio-iptables' ? args.slice(1) : args)
  const mode = flags.get('istio-inbound-interception-mode') ?? 'REDIRECT'
  if (mode !== 'REDIRECT') {
    throw new Error(
      `istio-iptables -m ${mode}: only REDIRECT is supported (remove the annotation sidecar.istio.io/interceptionMode)`,
    )
  }
  return {
    outboundPort: Number(flags.get('envoy-port') ?? '15001'),
    inboundPort: Number(flags.get('inbound-capture-port') ?? '15006'),
    tunnelPort: Number(flags.get('inbound-tunnel-port') ?? '15008'),
    uids: ports('-u', flags.get('proxy-uid') ?? '1337'),
    gids: ports('-g', flags.get('proxy-gid') ?? flags.get('proxy-uid') ?? '1337'),
    inboundPorts: allOrPorts('-b', flags.get('istio-inbound-ports') ?? ''),
    inboundExcluded: ports('-d', flags.get('istio-local-exclude-ports') ?? ''),
    outboundCidrs: allOrCidrs('-i', flags.get('istio-service-cidr') ?? ''),
    outboundExcludedCidrs: cidrs('-x', flags.get('istio-service-exclude-cidr') ?? ''),
    outboundPorts: allOrPorts('-q', flags.get('istio-outbound-ports') ?? ''),
    outboundExcluded: ports('-o', flags.get('istio-local-outbound-ports-exclude') ?? ''),
  }
}

function collectFlags(args: readonly string[]): ReadonlyMap<string, string> {
  const flags = new Map<string, string>()
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? ''
    const match = /^(?:-([a-z])|--([a-z0-9_-]+))(?:=(.*))?$/s.exec(arg)
    const name = match?.[2] ?? FLAGS[match?.[1] ?? '']
    if (match === null || name === undefined) throw new Error(`istio-iptables: unknown argument "${arg}"`)
    const inline = match[3]
    const next = args[index + 1]
    if (inline !== undefined) flags.set(name, inline)
    else if (next === undefined || (SWITCHES.includes(name) && next.startsWith('-'))) flags.set(name, 'true')
    else {
      flags.set(name, next)
      index += 1
    }
  }
  return flags
}

function list(text: string): readonly string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** Also users and groups: all are 16-bit numbers here. */
function ports(flag: string, text: string): readonly number[] {
  return list(text).map((part) => {
    if (!/^\d{1,5}$/.test(part) || Number(part) > 65535) {
      throw new Error(`istio-iptables ${flag}: "${part}" is not a number in 0..65535`)
    }
    return Number(part)
  })
}

function allOrPorts(flag: string, text: string): 'all' | readonly number[] {
  return text.trim() === '*' ? 'all' : ports(flag, text)
}

function cidrs(flag: string, text: string): readonly string[] {
  // The rules are for IPv4: an IPv6 network can match none of their packets.
  return list(text)
    .filter((part) => !part.includes(':'))
    .map((part) => {
      if (!/^\d{1,3}(\.\d{1,3}){3}(\/\d{1,2})?$/.test(part)) {
        throw new Error(`istio-iptables ${flag}: "${part}" is not a network`)
      }
      return part
    })
}

function allOrCidrs(flag: string, text: string): 'all' | readonly string[] {
  return text.trim() === '*' ? 'all' : cidrs(flag, text)
}
