/** What is known of a user namespace that could not be made. */
export interface Refusal {
  readonly step: 'namespaces' | 'proc'
  /** What the command said. */
  readonly words: string
  /** A kernel setting as sysctl names it. @returns undefined where the kernel has none of that name */
  readonly setting: (name: string) => string | undefined
  /** A seccomp filter watches this process, as in a container. */
  readonly isFiltered: boolean
}

const LIMITS = ['user.max_user_namespaces', 'user.max_net_namespaces', 'user.max_mnt_namespaces']
/** The kernel's own choice on a machine with 2 GB; any number that is not small does. */
const LIMIT = 15_000

/** @returns what is missing, and the command that remedies it, in one sentence each */
export function explainRefusal(refusal: Refusal): string {
  const { setting, words } = refusal
  const exhausted = LIMITS.find((name) => setting(name) === '0')
  if (setting('user.max_user_namespaces') === undefined)
    return 'this kernel has no user namespaces (CONFIG_USER_NS). Run the command with sudo'
  if (exhausted !== undefined) return sysctl(`${exhausted} is 0`, `${exhausted}=${LIMIT}`)
  if (setting('kernel.unprivileged_userns_clone') === '0')
    return sysctl('kernel.unprivileged_userns_clone is 0', 'kernel.unprivileged_userns_clone=1')
  if (setting('kernel.apparmor_restrict_unprivileged_userns') === '1') {
    const name = 'kernel.apparmor_restrict_unprivileged_userns'
    return sysctl(`AppArmor keeps programs from using them, ${name} is 1`, `${name}=0`)
  }
  if (refusal.step === 'proc') {
    return `part of /proc is hidden, as in a container (${words}). Start the container with --security-opt systempaths=unconfined, or with --privileged`
  }
  if (refusal.isFiltered) {
    return `a seccomp filter refuses them, as in a container (${words}). Start the container with --security-opt seccomp=unconfined, or with --privileged`
  }
  return `the kernel said: ${words}. Run the command with sudo`
}

function sysctl(why: string, assignment: string): string {
  return `${why}. Type:  sudo sysctl -w ${assignment}   (and put the line "${assignment}" into /etc/sysctl.d/90-lateen.conf to keep it), or run the command with sudo`
}
