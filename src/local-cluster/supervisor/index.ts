/**
 * local-cluster/supervisor: the state directory's layout and the processes of a cluster that are to run always.
 * They are recorded by process number and start time, outlive their supervisor, and are adopted by the next.
 */
export { failuresOf, forgetFailures, lastWords } from './failures.ts'
export { type ProcessRecord, recordProcess, signalProcess, writeRecord } from './process-record.ts'
export { createStateDirectory, type StateDirectory, stateDirectory } from './state-directory.ts'
export {
  type CommandLine,
  type ProcessSpec,
  recordPath,
  runningProcess,
  stopProcesses,
  supervise,
  type SupervisorOptions,
} from './supervisor.ts'
