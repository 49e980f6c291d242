import { readFile } from 'node:fs/promises'
import { messageOf } from '../../base/index.ts'
import { authorizationTable } from '../authorization-table.ts'
import { type CommandCall, textOption } from '../command-call.ts'
import { CliError, ExitCode } from '../exit.ts'
import { askAdmin } from '../proxy-admin.ts'

/** istioctl's experimental commands, by their words. */
const COMMANDS: Readonly<Record<string, (call: CommandCall) => Promise<void>>> = {
  'authz check': checkAuthorization,
}

export async function run(call: CommandCall): Promise<void> {
  const [group = '', verb = '', ...positional] = call.positional
  const name = `${group} ${verb}`
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command === undefined) {
    const known = Object.keys(COMMANDS).join(', ')
    throw new CliError(`x ${name.trim()} is not known; there are ${known}`, ExitCode.usage)
  }
  await command({ ...call, positional })
}

/** The authorization policies that a pod's proxy works with. */
async function checkAuthorization(call: CommandCall): Promise<void> {
  const file = textOption(call, 'file')
  const [pod] = call.positional
  if (file === undefined && pod === undefined)
    throw new CliError('name a pod, or a configuration dump with --file', ExitCode.usage)
  const dump =
    file === undefined
      ? await askAdmin(call, pod ?? '', '/config_dump?resource=authorizationPolicies')
      : await readDump(file)
  try {
    process.stdout.write(authorizationTable(dump))
  } catch (error) {
    throw new CliError(`the configuration dump cannot be read: ${messageOf(error)}`, ExitCode.data)
  }
}

async function readDump(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new CliError(messageOf(error), ExitCode.data)
  }
}
