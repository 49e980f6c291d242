import { once } from 'node:events'
import { messageOf, systemClock, systemRandom } from '../../base/index.ts'
import { ConfigurationError, serve } from '../../standalone/index.ts'
import { createAccessLogWriter } from '../../telemetry/index.ts'
import type { CommandCall } from '../command-call.ts'
import { PACKAGE_VERSION, processLogger, terminationSignal } from '../environment.ts'
import { CliError, ExitCode, exitWith } from '../exit.ts'

const DEFAULT_DRAIN_MS = 5000

/** One proxy on this machine, configured by files: no cluster, no control plane. */
export async function run(call: CommandCall): Promise<void> {
  const paths = [...texts(call.options['filename']), ...call.positional]
  if (paths.length === 0)
    throw new CliError('name the files or folders to serve: lateen serve -f routes/', ExitCode.usage)
  const output = createAccessLogWriter({
    async sink(text) {
      if (!process.stdout.write(text)) await once(process.stdout, 'drain')
    },
    after: systemClock.after,
    onError: () => {},
  })
  // A signal handler alone does not keep a process running while nothing listens.
  const keepAlive = setInterval(() => {}, 60_000)
  try {
    await serve({
      paths,
      address: String(call.options['address']),
      adminPort: portOption(call.options['adminPort']),
      accessLog: call.options['accessLog'] === true,
      proxyProtocol: call.options['proxyProtocol'] === true,
      drainMs: DEFAULT_DRAIN_MS,
      version: PACKAGE_VERSION,
      writeLog: output.write,
      clock: systemClock,
      random: systemRandom,
      logger: processLogger('serve'),
      signal: terminationSignal(),
    })
  } catch (error) {
    const code = error instanceof ConfigurationError ? ExitCode.data : ExitCode.unavailable
    throw new CliError(messageOf(error), code)
  } finally {
    clearInterval(keepAlive)
    output.flush()
  }
  exitWith(0)
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}

/** @returns undefined for 0: no admin port */
function portOption(value: unknown): number | undefined {
  const port = Number(value)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new CliError(`--admin-port is a number from 0 to 65535, not ${String(value)}`, ExitCode.usage)
  return port === 0 ? undefined : port
}
