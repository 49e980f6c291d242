import { spawn } from 'node:child_process'

/** Which Debian package brings a command, for the message of the person who misses it. */
const PACKAGES: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  nft: 'nftables',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  mount: 'mount',
  umount: 'mount',
}

/** Bytes of output kept: every command used here prints little, and a runaway must not fill memory. */
const OUTPUT_BYTES_MAX = 4 * 1024 * 1024
const DEFAULT_TIMEOUT_MS = 20_000

export interface CommandOptions {
  readonly input?: string
  readonly timeoutMs?: number
  readonly env?: Readonly<Record<string, string>>
}

/**
 * Runs a short system command to its end. @returns what it printed
 * @throws with the command, its exit code and its own words; when it is not installed, with the package to install
 */
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      killSignal: 'SIGKILL',
      ...(options.env === undefined ? {} : { env: { ...options.env } }),
    })
    const output = collect(child.stdout)
    const errors = collect(child.stderr)
    child.on('error', (error: NodeJS.ErrnoException) => reject(startError(command, error)))
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output())
      else reject(commandError([command, ...args], code, signal, errors()))
    })
    // A command that ends without reading its input closes the pipe: its exit code tells the story.
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
  })
}

function startError(command: string, error: NodeJS.ErrnoException): Error {
  if (error.code !== 'ENOENT')
    return new Error(`${command} did not start: ${error.message}`, { cause: error })
  const name = command.slice(command.lastIndexOf('/') + 1)
  const wanted = PACKAGES[name]
  const remedy =
    wanted === undefined ? '' : `: install the package ${wanted} (on Debian: apt-get install -y ${wanted})`
  return Object.assign(new Error(`the command ${name} is not on this machine${remedy}`), { code: 'ENOENT' })
}

function commandError(
  commandLine: readonly string[],
  code: number | null,
  signal: NodeJS.Signals | null,
  errors: string,
): Error {
  const how = code === null ? `was ended by ${signal ?? 'a signal'}` : `exited with ${code}`
  const words = errors.trim().slice(0, 2000)
  return new Error(`"${commandLine.join(' ')}" ${how}${words === '' ? '' : `: ${words}`}`)
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = []
  let bytes = 0
  stream.on('data', (chunk: Buffer) => {
    if (bytes < OUTPUT_BYTES_MAX) chunks.push(chunk)
    bytes += chunk.length
  })
  return () => Buffer.concat(chunks).toString('utf8')
}
