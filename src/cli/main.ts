/** The command line: `lateen` (and, on request, `istioctl`). One file per command, loaded when it is called. */
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { CliError, ExitCode, exitWith } from './exit.ts'
import { COMMANDS } from './commands/index.ts'
import { completeSearchPath, defaultStateDirectory, PACKAGE_VERSION } from './environment.ts'

// Start-up is mostly compiling; the cache makes the second start of each process several times as quick.
enableCompileCache(join(defaultStateDirectory(), 'cache'))
completeSearchPath()

const program = withGlobalOptions(new Command('lateen'))
  .description('A service mesh and Gateway API gateway, with a one-machine Kubernetes to run it on.')
  .version(PACKAGE_VERSION, '--cli-version', 'print the version of this program')
  .enablePositionalOptions()
  .showHelpAfterError('(add --help for more)')
  .exitOverride()

for (const command of COMMANDS) {
  const sub = withGlobalOptions(program.command(command.name, { hidden: command.hidden ?? false }))
    .description(command.summary)
    .aliases([...(command.aliases ?? [])])
    .exitOverride()
  command.declare(sub)
  sub.action(async (...parameters: readonly unknown[]) => {
    const { run } = await command.load()
    const positional = parameters.slice(0, -2) as readonly (string | readonly string[] | undefined)[]
    await run({
      options: { ...globalDefaults(), ...program.opts(), ...sub.opts() },
      positional: positional.flat().filter((word) => word !== undefined),
    })
  })
}

/** Good before and after the command's name, as istioctl's are. Their defaults come last, from `globalDefaults`. */
function withGlobalOptions(command: Command): Command {
  return command
    .option(
      '--state-dir <path>',
      'directory of the one-machine cluster (env LATEEN_STATE; default ~/.lateen)',
    )
    .option(
      '-c, --kubeconfig <path>',
      'Kubernetes configuration file (env KUBECONFIG; default: the one-machine cluster’s)',
    )
    .option('--context <name>', 'context of the Kubernetes configuration')
    .option('-i, --istioNamespace <name>', 'namespace of the control plane (default istio-system)')
    .option('-n, --namespace <name>', 'namespace to work in')
}

function globalDefaults(): Readonly<Record<string, unknown>> {
  return { stateDir: defaultStateDirectory(), istioNamespace: 'istio-system' }
}

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) exitWith(error.exitCode === 0 ? 0 : ExitCode.usage)
  if (error instanceof CliError) {
    console.error(`Error: ${error.message}`)
    exitWith(error.exitCode)
  }
  console.error(error)
  exitWith(ExitCode.unknown)
}
