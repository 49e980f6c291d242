import type { SecurityContext } from '../../../kube/index.ts'

/** What container engines leave to root by default. */
const DEFAULT = [
  'audit_write',
  'chown',
  'dac_override',
  'fowner',
  'fsetid',
  'kill',
  'mknod',
  'net_bind_service',
  'net_raw',
  'setfcap',
  'setgid',
  'setpcap',
  'setuid',
  'sys_chroot',
] as const

/** All that setpriv knows by name (capabilities(7)). */
const KNOWN: readonly string[] = [
  ...DEFAULT,
  'audit_control',
  'audit_read',
  'block_suspend',
  'bpf',
  'checkpoint_restore',
  'dac_read_search',
  'ipc_lock',
  'ipc_owner',
  'lease',
  'linux_immutable',
  'mac_admin',
  'mac_override',
  'net_admin',
  'net_broadcast',
  'perfmon',
  'sys_admin',
  'sys_boot',
  'sys_module',
  'sys_nice',
  'sys_pacct',
  'sys_ptrace',
  'sys_rawio',
  'sys_resource',
  'sys_time',
  'sys_tty_config',
  'syslog',
  'wake_alarm',
]

/** @returns the capabilities of a container's programs; undefined for all of them (`privileged`) */
export function capabilitiesOf({ privileged, capabilities }: SecurityContext): readonly string[] | undefined {
  if (privileged === true) return undefined
  const add = new Set((capabilities?.add ?? []).map(nameOf))
  const drop = new Set((capabilities?.drop ?? []).map(nameOf))
  const before: readonly string[] = add.has('all') ? KNOWN : drop.has('all') ? [] : DEFAULT
  return KNOWN.filter((name) => add.has(name) || (before.includes(name) && !drop.has(name)))
}

/** `NET_ADMIN` and `CAP_NET_ADMIN` are the same. */
function nameOf(text: string): string {
  return text.toLowerCase().replace(/^cap_/, '')
}
