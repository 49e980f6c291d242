import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { unreachable } from '../../base/index.ts'

/** How packets of pods leave the machine without root. */
export interface WayOut {
  readonly program: 'slirp4netns' | 'pasta'
  /** Where the cluster's namespaces find the machine's own name servers. */
  readonly nameserver: string
}

/** In order of preference: slirp4netns behaves alike in all of its versions. */
const WAYS: readonly WayOut[] = [
  { program: 'slirp4netns', nameserver: '10.0.2.3' },
  { program: 'pasta', nameserver: '169.254.1.1' },
]

/** @returns the installed one; otherwise what is missing, with the command that remedies it */
export function findWayOut(
  path: string,
): { readonly wayOut: WayOut } | { readonly wayOut: undefined; readonly missing: string } {
  const wayOut = WAYS.find(({ program }) => isOnPath(program, path))
  if (wayOut === undefined) {
    return {
      wayOut,
      missing:
        'neither slirp4netns nor pasta is installed. On Debian or Ubuntu:  sudo apt-get install -y slirp4netns',
    }
  }
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK)
  } catch {
    return {
      wayOut: undefined,
      missing: '/dev/net/tun is missing or closed to this user (in a container: --device /dev/net/tun)',
    }
  }
  return { wayOut }
}

function isOnPath(program: string, path: string): boolean {
  return path.split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, program)))
}

/** The command that gives the namespaces their way out. It may reach the machine's network, but not its 127.0.0.1. */
export function wayOutWords(
  { program, nameserver }: WayOut,
  files: { readonly user: string; readonly net: string },
): readonly string[] {
  switch (program) {
    case 'slirp4netns':
      return [
        program,
        '--configure',
        '--mtu=65520',
        '--disable-host-loopback',
        '--netns-type=path',
        `--userns-path=${files.user}`,
        files.net,
        'tap0',
      ]
    case 'pasta': {
      const noPorts = ['--tcp-ports', '--udp-ports', '--tcp-ns', '--udp-ns'].flatMap((flag) => [flag, 'none'])
      const network = ['--config-net', '--no-map-gw', '--dns-forward', nameserver]
      return [program, '--foreground', ...network, ...noPorts, '--userns', files.user, '--netns', files.net]
    }
    default:
      return unreachable(program)
  }
}
