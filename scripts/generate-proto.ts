/**
 * Generates src/proto/generated from the .proto files inside npm packages and a few of our own. Works offline; does
 * nothing when its inputs have not changed since the last run.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const OUT = path.join(ROOT, 'src/proto/generated')
const MODULES = path.join(ROOT, 'node_modules')
const DEPS = path.join(MODULES, '@grpc/grpc-js-xds/deps')

/** Where an import is looked up, in this order. */
const INCLUDE = [
  path.join(ROOT, 'src/proto'),
  ...['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((folder) => path.join(DEPS, folder)),
]

/** What we use; the files that these import come along. */
const ENTRY_POINTS = [
  'envoy/service/auth/v3/external_auth.proto',
  'envoy/service/discovery/v3/ads.proto',
  'google/rpc/status.proto',
  'istio/auth/ca.proto',
  'lateen/xds.proto',
  'opentelemetry/otlp.proto',
]

/** @returns import path → text, of the entry points and all that they need */
function collectProtos(): Map<string, string> {
  const found = new Map<string, string>()
  const visit = (name: string, from: string): void => {
    // The well-known types are inside the compiler and the runtime.
    if (found.has(name) || name.startsWith('google/protobuf/')) return
    const file = INCLUDE.map((folder) => path.join(folder, name)).find((candidate) => existsSync(candidate))
    if (file === undefined) {
      throw new Error(
        `${from} imports ${name}, which is in none of: ${INCLUDE.join(', ')}; run "npm ci" first`,
      )
    }
    // An option of validate.proto that the packaged version of it does not know.
    const text = readFileSync(file, 'utf8').replaceAll(' ignore_empty: true', '')
    found.set(name, text)
    for (const match of text.matchAll(/^import (?:public |weak )?"([^"]+)";/gm)) visit(match[1] ?? '', name)
  }
  for (const entry of ENTRY_POINTS) visit(entry, 'the list of entry points')
  return found
}

function versionOf(name: string): string {
  const manifest: unknown = JSON.parse(readFileSync(path.join(MODULES, name, 'package.json'), 'utf8'))
  return `${name}@${(manifest as { version: string }).version}`
}

function hashOf(protos: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256').update(readFileSync(fileURLToPath(import.meta.url)))
  for (const name of ['@bufbuild/buf', '@bufbuild/protoc-gen-es']) hash.update(versionOf(name))
  for (const [name, text] of protos) hash.update(`${name}\0${text}\0`)
  return hash.digest('hex')
}

function generate(protos: ReadonlyMap<string, string>, work: string): void {
  const input = path.join(work, 'in')
  for (const [name, text] of protos) {
    const file = path.join(input, name)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  const template = {
    version: 'v2',
    plugins: [
      {
        local: [process.execPath, path.join(MODULES, '@bufbuild/protoc-gen-es/bin/protoc-gen-es')],
        out: path.join(work, 'out'),
        opt: ['target=ts', 'import_extension=ts', 'erasable_syntax=true'],
        // One call for all files: per directory it would take 40 times as long.
        strategy: 'all',
      },
    ],
  }
  const buf = path.join(MODULES, '@bufbuild/buf/bin/buf')
  const args = [buf, 'generate', input, '--template', JSON.stringify(template)]
  execFileSync(process.execPath, args, {
    cwd: work,
    stdio: 'inherit',
    env: { ...process.env, BUF_CACHE_DIR: work },
  })
}

/** Puts the finished folder in place; a run beside this one has made the same, so either may win. */
function replaceOutput(work: string): void {
  const old = path.join(work, 'old')
  mkdirSync(path.dirname(OUT), { recursive: true })
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      if (existsSync(OUT)) renameSync(OUT, `${old}${attempt}`)
      renameSync(path.join(work, 'out'), OUT)
      return
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'EXDEV') {
        cpSync(path.join(work, 'out'), OUT, { recursive: true })
        return
      }
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOENT') throw error
    }
  }
  throw new Error(`could not put ${OUT} in place: another process keeps writing it`)
}

function main(): void {
  const protos = collectProtos()
  const stamp = hashOf(protos)
  const stampFile = path.join(OUT, '.stamp')
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return
  const started = Date.now()
  mkdirSync(path.dirname(OUT), { recursive: true })
  const work = mkdtempSync(path.join(MODULES, '.generate-proto-'))
  try {
    generate(protos, work)
    writeFileSync(path.join(work, 'out', '.stamp'), stamp)
    replaceOutput(work)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  console.log(`src/proto/generated: ${protos.size} files in ${((Date.now() - started) / 1000).toFixed(1)} s`)
}

main()
