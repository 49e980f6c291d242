/**
 * The published package, laid out as npm would: packed, unpacked under a node_modules, with nothing beside it but its
 * own dependencies. They are linked rather than fetched, so that the test needs no registry.
 */
import assert from 'node:assert/strict'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startProgram } from '../../samples/demo/testing/program.ts'
import { runCommand } from '../support/command.ts'
import { REPOSITORY } from '../support/source-tree.ts'

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly version: string
}

const manifest = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as Manifest

let folder = ''
let installed = ''

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lateen-package-'))
  installed = join(folder, 'node_modules/lateen')
  await succeed(process.execPath, ['scripts/build.ts'])
  await succeed('npm', ['pack', '--pack-destination', folder])
  mkdirSync(installed, { recursive: true })
  const tarball = join(folder, `lateen-${manifest.version}.tgz`)
  await succeed('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'])
  for (const name of Object.keys(manifest.dependencies)) {
    const link = join(folder, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(REPOSITORY, 'node_modules', name), link)
  }
})
after(() => rmSync(folder, { recursive: true, force: true }))

async function succeed(command: string, args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runCommand(command, args)
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${stdout}${stderr}`)
  return stdout
}

const lateen = (...args: readonly string[]) =>
  runCommand(join(installed, 'bin/lateen'), args, { env: { HOME: folder } })

describe('the published package', () => {
  test('holds the programs as JavaScript, the demo’s manifests, and no test', () => {
    assert.ok(existsSync(join(installed, 'dist/cli/main.js')))
    assert.ok(existsSync(join(installed, 'samples/demo/kube/demo/environments/demo/kustomization.yaml')))
    assert.deepEqual(globSync('dist/**/*.ts', { cwd: installed }), [])
    assert.deepEqual(globSync('**/*.test.*', { cwd: installed }), [])
    assert.ok(!existsSync(join(installed, 'src')))
  })

  test('publint finds nothing to say about it', async () => {
    await succeed(join(REPOSITORY, 'node_modules/.bin/publint'), [installed, '--strict'])
  })

  test('prints its commands and its version', async () => {
    const help = await lateen('--help')
    assert.equal(help.status, 0, help.stderr)
    assert.match(help.stdout, /^\s+analyze .*\n/m)
    assert.match(help.stdout, /^\s+demo /m)
    const version = await lateen('--cli-version')
    assert.equal(version.stdout.trim(), manifest.version, version.stderr)
  })

  test('analyzes files without a cluster', async () => {
    const gateway = join(installed, 'samples/demo/routing/gateway-api/gateway.yaml')
    const result = await lateen('analyze', '--use-kube=false', gateway)
    assert.match(result.stdout + result.stderr, /No validation issues found/)
    assert.equal(result.status, 0)
  })

  test('has every module that each command imports', async () => {
    const commands = globSync('dist/cli/commands/*.js', { cwd: installed })
    assert.ok(commands.length > 10, commands.join(' '))
    const imports = commands.map((file) => `await import(${JSON.stringify(join(installed, file))})`)
    await succeed(process.execPath, ['--input-type=module', '-e', imports.join('\n')])
  })
})

describe('the demo in the published package', () => {
  const demo = () => join(installed, 'dist/samples/demo')

  test('its images name programs that are there', () => {
    const images = JSON.parse(readFileSync(join(demo(), 'images.json'), 'utf8')) as readonly {
      readonly command: readonly [string, string]
    }[]
    assert.equal(images.length, 4)
    for (const { command } of images) {
      assert.match(command[1], /\.js$/)
      assert.ok(existsSync(join(demo(), command[1])), command[1])
    }
  })

  test('the backend and the frontend start and answer', async () => {
    const below = (file: string) => relative(join(REPOSITORY, 'samples/demo'), join(demo(), file))
    const backend = await startProgram(below('backend/main.js'), { VERSION: '1.0.0' })
    const frontend = await startProgram(below('frontend/main.js'))
    try {
      assert.equal((await fetch(`${backend.url}/nothing`)).headers.get('x-version'), '1.0.0')
      assert.match(await (await fetch(`${frontend.url}/app/`)).text(), /<html/)
    } finally {
      await Promise.all([backend.stop(), frontend.stop()])
    }
  })
})
