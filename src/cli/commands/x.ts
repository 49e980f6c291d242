import { readFile } from 'node:fs/promises'
import { messageOf } from '../../base/index.ts'
import type { KubeObject } from '../../kube/index.ts'
import {
  type Described,
  describePod,
  type DescribeOptions,
  describeService,
  NotFoundError,
} from '../../insight/index.ts'
import { authorizationTable } from '../authorization-table.ts'
import { connect, kubeconfig } from '../cluster.ts'
import { type CommandCall, textOption } from '../command-call.ts'
import { CliError, ExitCode } from '../exit.ts'
import { readMeshObjects } from '../mesh-objects.ts'
import { askAdmin } from '../proxy-admin.ts'

/** istioctl's experimental commands, by their words. */
const COMMANDS: Readonly<Record<string, (call: CommandCall) => Promise<void>>> = {
  'authz check': checkAuthorization,
  'describe pod': (call) => describe(call, describePod),
  'describe service': (call) => describe(call, describeService),
}

const ALIASES: Readonly<Record<string, string>> = { des: 'describe', po: 'pod', svc: 'service' }

export async function run(call: CommandCall): Promise<void> {
  const [group = '', verb = '', ...positional] = call.positional
  const name = [group, verb].map((word) => (Object.hasOwn(ALIASES, word) ? ALIASES[word] : word)).join(' ')
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

/** What holds for a pod or a Service, from the cluster's objects. */
async function describe(
  call: CommandCall,
  describer: (objects: readonly KubeObject[], described: Described, options: DescribeOptions) => string,
): Promise<void> {
  const [argument, ...more] = call.positional
  if (argument === undefined || more.length > 0)
    throw new CliError('name one pod or service, as NAME or NAME.NAMESPACE', ExitCode.usage)
  const viewNamespace = textOption(call, 'namespace') ?? kubeconfig(call).namespace
  // A pod's name may have dots in it, a namespace's has none.
  const words = argument.replace(/^(?:pods?|po|services?|svc)\//, '')
  const dot = words.lastIndexOf('.')
  const described =
    dot < 0
      ? { name: words, namespace: viewNamespace }
      : { name: words.slice(0, dot), namespace: words.slice(dot + 1) }
  const options = { viewNamespace, ignoreUnmeshed: call.options['ignoreUnmeshed'] === true }
  try {
    process.stdout.write(describer(await readMeshObjects(connect(call)), described, options))
  } catch (error) {
    if (error instanceof NotFoundError) throw new CliError(error.message, ExitCode.data)
    throw error
  }
}
