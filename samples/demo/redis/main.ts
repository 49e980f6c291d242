import { accessSync, constants, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { parsePort } from '../common/http.ts'
import { parseSettings, realServerArguments } from './settings.ts'

const settings = parseSettings(process.env)
if (settings.kind === 'refused') {
  process.stderr.write(`redis: ${settings.reason}\n`)
  process.exitCode = 1
} else {
  const port = parsePort(process.env['PORT'], 6379)
  const real = findOnPath('redis-server')
  const host = process.env['LISTEN']
  if (real !== undefined && process.execve !== undefined) {
    // Becoming the real server, rather than starting it, leaves one process: its signals and exit status are the container's.
    const listen = { port, hosts: host === undefined ? everyAddress() : [host] }
    process.execve(real, ['redis-server', ...realServerArguments(settings, listen)], { ...process.env })
  }
  const { serveResp } = await import('./resp/server.ts')
  serveResp({ port, host, password: settings.password, disabled: settings.disabled })
}

function everyAddress(): readonly string[] {
  return hasIpv6() ? ['0.0.0.0', '::'] : ['0.0.0.0']
}

/** The kernel lists its IPv6 addresses there; no such file means that it has no IPv6 at all. */
function hasIpv6(): boolean {
  try {
    return readFileSync('/proc/net/if_inet6', 'utf8') !== ''
  } catch {
    return false
  }
}

function findOnPath(program: string): string | undefined {
  const paths = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, program))
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
