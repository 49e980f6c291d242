import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Logger, messageOf, systemClock, systemRandom } from '../../base/index.ts'
import { ConfigurationError, type RestartOptions, serve } from '../../standalone/index.ts'
import { createAccessLogWriter } from '../../telemetry/index.ts'
import { type CommandCall, textOption } from '../command-call.ts'
import { PACKAGE_VERSION, processLogger, terminationSignal } from '../environment.ts'
import { CliError, ExitCode, exitWith } from '../exit.ts'
import { bytesOption, countOption, durationOption } from '../options.ts'
import { connectionsFor, readResourceLimits } from '../resource-limits.ts'
import { telemetryOptions } from '../telemetry-options.ts'

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
  const logger = processLogger('serve')
  const pidFile = textOption(call, 'pidFile')
  try {
    await serve({
      paths,
      address: String(call.options['address']),
      adminPort: portOption(call.options['adminPort']),
      ...telemetryOptions(call),
      proxyProtocol: call.options['proxyProtocol'] === true,
      trustedProxies: countOption(call, 'trustedProxies', 0) ?? 0,
      ...(await limitOptions(call)),
      http: requestBounds(call),
      restart: restartOptions(call, logger),
      drainMs: DEFAULT_DRAIN_MS,
      version: PACKAGE_VERSION,
      writeLog: output.write,
      environment: { ...process.env },
      clock: systemClock,
      random: systemRandom,
      logger,
      signal: terminationSignal(),
      onReady() {
        if (pidFile === undefined) return
        // Whoever reads it finds a number always.
        writeFileSync(`${pidFile}.new`, `${process.pid}\n`)
        renameSync(`${pidFile}.new`, pidFile)
      },
    })
  } catch (error) {
    const code = error instanceof ConfigurationError ? ExitCode.data : ExitCode.unavailable
    throw new CliError(messageOf(error), code)
  } finally {
    clearInterval(keepAlive)
    output.flush()
  }
  if (pidFile !== undefined) removeOwn(pidFile)
  exitWith(0)
}

/** Envoy's own bound on how large a request head may be made. */
const HEAD_KB_MAX = 8192
const HEAD_FIELDS_MAX = 10_000

function requestBounds(call: CommandCall) {
  const kb = countOption(call, 'maxRequestHeadersKb', 1, HEAD_KB_MAX) ?? 60
  const fieldsMax = countOption(call, 'maxRequestHeadersCount', 1, HEAD_FIELDS_MAX) ?? 100
  return {
    requestHead: { bytesMax: kb * 1024, fieldsMax },
    responseHead: {
      bytesMax: (countOption(call, 'maxResponseHeadersKb', 1, HEAD_KB_MAX) ?? 60) * 1024,
      fieldsMax: countOption(call, 'maxResponseHeadersCount', 1, HEAD_FIELDS_MAX) ?? 100,
    },
    headTimeoutMs: Math.max(1, durationOption(call, 'requestHeadersTimeout')),
    streamIdleTimeoutMs: durationOption(call, 'streamIdleTimeout'),
  }
}

async function limitOptions(call: CommandCall) {
  const limits = readResourceLimits()
  const connectionsMax = orNone(countOption(call, 'maxConnections', 0) ?? connectionsFor(limits.descriptors))
  const isUnguarded = textOption(call, 'maxMemory') === '0'
  const memoryMax = isUnguarded ? undefined : ((await bytesOption(call, 'maxMemory')) ?? limits.memory)
  return {
    concurrency: countOption(call, 'concurrency') ?? 1,
    ...(connectionsMax !== undefined && { connectionsMax }),
    ...(memoryMax !== undefined && { memoryMax }),
  }
}

/** 0: no bound. */
function orNone(count: number | undefined): number | undefined {
  return count === 0 ? undefined : count
}

/**
 * As nginx does on SIGUSR2: the process starts its successor, with the same words and perhaps another version of the
 * program, which asks it for its place. With a path of the user's any further process does, however it was started.
 */
function restartOptions(call: CommandCall, logger: Logger): RestartOptions {
  const given = textOption(call, 'hotRestartSocket')
  const path = given ?? join(tmpdir(), `lateen-serve-${process.pid}.sock`)
  const { promise: asked, resolve } = Promise.withResolvers<void>()
  let isStarting = false
  process.on('SIGUSR2', () => {
    resolve()
    if (isStarting) logger.warn('a hot restart is under way already')
    else {
      isStarting = true
      startSuccessor(given === undefined ? path : undefined, logger, () => {
        isStarting = false
      })
    }
  })
  return {
    takeOver: textOption(call, 'takeOver') ?? given,
    mustTakeOver: textOption(call, 'takeOver') !== undefined,
    path,
    wanted: given === undefined ? asked : Promise.resolve(),
    drainMs: durationOption(call, 'drainTime'),
    pid: process.pid,
  }
}

/** How long the path may take to be there: it is made when the signal comes. */
const PATH_WAIT_MS = 100

function startSuccessor(path: string | undefined, logger: Logger, onEnd: () => void): void {
  const [main = '', ...words] = process.argv.slice(1)
  const at = words.indexOf('--take-over')
  const own = at < 0 ? words : words.toSpliced(at, 2)
  const args = [...process.execArgv, main, ...own, ...(path === undefined ? [] : ['--take-over', path])]
  setTimeout(() => {
    const child = spawn(process.execPath, args, { stdio: 'inherit', detached: true })
    child.unref()
    child.on('exit', onEnd)
    child.on('error', (error) => {
      logger.error(`a successor could not be started: ${messageOf(error)}`)
      onEnd()
    })
    logger.info('asked for a hot restart', { successor: child.pid ?? 0 })
  }, PATH_WAIT_MS)
}

/** The successor may have written its own number there already. */
function removeOwn(pidFile: string): void {
  try {
    if (readFileSync(pidFile, 'utf8').trim() === String(process.pid)) rmSync(pidFile)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
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
