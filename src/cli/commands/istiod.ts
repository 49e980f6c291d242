import { createLogger, type LogLevel, systemClock, systemRandom } from '../../base/index.ts'
import { certificateLifetimes, ISTIOD_PORTS, runIstiod } from '../../mesh/istiod/index.ts'
import { DEFAULT_SETTINGS } from '../../mesh/translate/index.ts'
import type { CommandCall } from '../command-call.ts'
import { connectInCluster } from '../cluster.ts'
import { PACKAGE_VERSION, terminationSignal } from '../environment.ts'
import { exitWith } from '../exit.ts'

/** The program of the container `discovery`; it reads the arguments and environment that Istio's own has. */
export async function run(call: CommandCall): Promise<void> {
  const { env } = process
  const namespace = env['POD_NAMESPACE'] ?? 'istio-system'
  await runIstiod({
    client: connectInCluster(),
    ports: ISTIOD_PORTS,
    address: '0.0.0.0',
    settings: {
      clusterId: env['CLUSTER_ID'] ?? DEFAULT_SETTINGS.clusterId,
      clusterDomain: argument(call, '--domain') ?? DEFAULT_SETTINGS.clusterDomain,
      rootNamespace: namespace,
      trustDomain: env['TRUST_DOMAIN'] ?? DEFAULT_SETTINGS.trustDomain,
      acceptsHttp10: isTrue(env['PILOT_HTTP10']),
      scopesGateways: isTrue(env['PILOT_SCOPE_GATEWAY_TO_NAMESPACE']),
    },
    lifetimes: certificateLifetimes(env),
    revision: env['REVISION'] ?? 'default',
    podName: env['POD_NAME'] ?? 'istiod',
    version: PACKAGE_VERSION,
    clock: systemClock,
    random: systemRandom,
    logger: createLogger({
      scope: 'istiod',
      level: logLevel(argument(call, '--log_output_level')),
      write: (line) => process.stdout.write(line),
      now: () => Date.now(),
    }),
    signal: terminationSignal(),
  })
  // A connection that somebody has opened and says nothing on must not hold up the end.
  exitWith(0)
}

/** As Istio's own reads it. */
function isTrue(text: string | undefined): boolean {
  return text === '1' || text?.toLowerCase() === 'true' || text === 't' || text === 'T'
}

/** `--name value` or `--name=value`, as istiod's command line has both. */
function argument(call: CommandCall, name: string): string | undefined {
  const words = call.positional
  const at = words.findIndex((word) => word === name || word.startsWith(`${name}=`))
  if (at < 0) return undefined
  const word = words[at] ?? ''
  return word.includes('=') ? word.slice(name.length + 1) : words[at + 1]
}

/** `default:info,ads:debug`: the level of the scope `default`. */
function logLevel(text: string | undefined): LogLevel {
  const level = text
    ?.split(',')
    .find((part) => !part.includes(':') || part.startsWith('default:'))
    ?.replace('default:', '')
  return level === 'debug' || level === 'warn' || level === 'error' || level === 'none' ? level : 'info'
}
