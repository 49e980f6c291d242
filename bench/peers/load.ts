import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../../test/support/command.ts'
import { percentile } from '../figures.ts'
import type { Identities } from './hop.ts'

/** What a run of a load generator saw. */
export interface LoadResult {
  readonly requests: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface Target {
  readonly port: number
  readonly host: string
  readonly path: string
  readonly identities: Identities
  /** for what the generators write */
  readonly directory: string
  readonly write: (name: string, text: string) => string
}

export type Load = (target: Target, seconds: number) => Promise<LoadResult>

/** Load and servers have this core, the proxies the other one. */
export const LOAD_CORE = '1'
const HANDSHAKE_LOAD = join(import.meta.dirname, 'handshake-load.ts')
const ECHO_LOAD = join(import.meta.dirname, 'echo-load.ts')

async function generate(words: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runCommand('taskset', ['-c', LOAD_CORE, ...words], {
    timeoutMs: 120_000,
  })
  if (status !== 0) throw new Error(`${words[0]} ended with ${status}:\n${stdout}${stderr}`)
  return stdout
}

/** HTTP/1.1. @param uploads bytes of the body that each request has */
export function wrk(
  options: { readonly connections?: number; readonly path?: string; readonly uploads?: number } = {},
): Load {
  const { connections = 32, uploads } = options
  return async ({ port, host, path, write }, seconds) => {
    const upload = `wrk.method = "POST"; wrk.body = string.rep("x", ${uploads ?? 0})`
    const script = uploads === undefined ? [] : ['-s', write(`upload-${uploads}.lua`, upload)]
    const url = `http://127.0.0.1:${port}${options.path ?? path}`
    const args = [
      '-t1',
      `-c${connections}`,
      `-d${seconds}s`,
      '--latency',
      '-H',
      `Host: ${host}`,
      ...script,
      url,
    ]
    const stdout = await generate(['wrk', ...args])
    if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`requests failed:\n${stdout}`)
    const requests = numberIn(/(\d+) requests in/, stdout)
    return {
      requests,
      perSecond: numberIn(/Requests\/sec:\s+([\d.]+)/, stdout),
      p50Ms: durationIn(/\s50%\s+([\d.]+)(us|ms|s)/, stdout),
      p99Ms: durationIn(/\s99%\s+([\d.]+)(us|ms|s)/, stdout),
    }
  }
}

/** HTTP/2 without TLS, 8 connections with 16 streams. @param body what each request carries, as gRPC does */
export function h2load(options: { readonly path?: string; readonly body?: string } = {}): Load {
  return async ({ port, path, directory, write }, seconds) => {
    const log = join(directory, 'h2load.log')
    write('h2load.log', '')
    const body =
      options.body === undefined
        ? []
        : [
            '-d',
            write('request.bin', options.body),
            '-H',
            'content-type: application/grpc',
            '-H',
            'te: trailers',
          ]
    const url = `http://127.0.0.1:${port}${options.path ?? path}`
    const args = ['-t1', '-c8', '-m16', `-D${seconds}`, `--log-file=${log}`, ...body, url]
    const stdout = await generate(['h2load', ...args])
    const requests = numberIn(/(\d+) succeeded/, stdout)
    if (numberIn(/(\d+) failed/, stdout, 0) > 0) throw new Error(`requests failed:\n${stdout}`)
    // Start, status and microseconds of each request.
    const times = readFileSync(log, 'latin1')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => Number(line.split('\t')[2]) / 1000)
    return {
      requests,
      perSecond: requests / seconds,
      p50Ms: percentile(times, 0.5),
      p99Ms: percentile(times, 0.99),
    }
  }
}

/** Messages to and fro on connections or streams that stay open; each counts as a request. */
export function echo(protocol: 'websocket' | 'grpc-stream'): Load {
  return async ({ port }, seconds) => {
    const stdout = await generate([process.execPath, ECHO_LOAD, protocol, String(port), String(seconds)])
    return JSON.parse(stdout) as LoadResult
  }
}

/** Connections of mutual TLS with one request each; a connection counts as a request. */
export function handshakes(kind: 'full' | 'resumed'): Load {
  return async ({ port, host, identities: { authority, client } }, seconds) => {
    const words = [kind, String(port), host, authority, client.certificate, client.key, String(seconds)]
    return JSON.parse(await generate([process.execPath, HANDSHAKE_LOAD, ...words])) as LoadResult
  }
}

function numberIn(pattern: RegExp, text: string, least = 1): number {
  const value = Number(pattern.exec(text)?.[1] ?? Number.NaN)
  if (!(value >= least)) throw new Error(`nothing was served:\n${text}`)
  return value
}

const MILLISECONDS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 }

function durationIn(pattern: RegExp, text: string): number {
  const [, value, unit] = pattern.exec(text) ?? []
  return Number(value) * (MILLISECONDS[unit ?? ''] ?? Number.NaN)
}
