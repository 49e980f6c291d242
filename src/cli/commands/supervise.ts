import { systemClock, systemRandom } from '../../base/index.ts'
import {
  recordPath,
  recordProcess,
  runningProcess,
  supervise,
  writeRecord,
} from '../../local-cluster/index.ts'
import { isPrivileged } from '../../linux/index.ts'
import { stateOf } from '../cluster.ts'
import { type CommandCall, textOption } from '../command-call.ts'
import { clusterProcesses, rootlessProcesses } from '../composition/processes.ts'
import { PACKAGE_VERSION, processLogger, terminationSignal } from '../environment.ts'

export async function run(call: CommandCall): Promise<void> {
  const state = stateOf(call)
  const logger = processLogger('supervisor')
  if (runningProcess(state.run, 'supervisor')) {
    logger.info('another supervisor runs; nothing to do')
    return
  }
  const self = recordProcess(process.pid)
  const version = PACKAGE_VERSION
  if (self) writeRecord(recordPath(state.run, 'supervisor'), { ...self, version })
  const replacements: (() => void)[] = []
  process.on('SIGUSR2', () => {
    for (const replace of replacements) replace()
  })
  const options = {
    state,
    apiPort: String(call.options['apiPort']),
    proxyConcurrency: textOption(call, 'proxyConcurrency') ?? '1',
  }
  await supervise(
    {
      specs: isPrivileged() ? clusterProcesses(options) : rootlessProcesses(options),
      runDirectory: state.run,
      logsDirectory: state.logs,
      clock: systemClock,
      random: systemRandom,
      logger,
      version,
      onReplacementAsked: (replace) => void replacements.push(replace),
    },
    terminationSignal(),
  )
}
