/** The suite and the programs that stand for its images, built from the Go modules beside this file. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

/** What `go build` or `go test -c` makes. */
interface Target {
  readonly program: string
  /** The folder whose go.mod fixes the versions. */
  readonly module: string
  /** A package of another module, or the folder's own (`.`). */
  readonly package: string
  readonly isTest?: boolean
}

const ECHO = 'sigs.k8s.io/gateway-api/conformance/echo-basic'
const ISTIO_ECHO = 'istio.io/istio/pkg/test/echo/cmd'

/** Which of the two suites. */
export type Edition = 'experimental' | 'standard'

const MODULES: Readonly<Record<Edition, string>> = { experimental: 'suite', standard: 'standard' }

function targets(edition: Edition): readonly Target[] {
  const module = MODULES[edition]
  return [
    { program: `${edition}.test`, module, package: '.', isTest: true },
    { program: `echo-basic-${edition}`, module, package: ECHO },
    { program: 'server', module: 'mesh-echo', package: `${ISTIO_ECHO}/server` },
    { program: 'client', module: 'mesh-echo', package: `${ISTIO_ECHO}/client` },
    { program: 'coredns', module: 'coredns', package: '.' },
  ]
}

/** Always built: Go knows by itself whether anything has changed. With little claim on the machine. @returns the exit status */
export function buildPrograms(edition: Edition, directory: string): number {
  mkdirSync(directory, { recursive: true })
  for (const target of targets(edition)) {
    const how = target.isTest === true ? ['test', '-c', '-vet=off'] : ['build']
    const output = join(directory, target.program)
    const flags = ['-trimpath', '-buildvcs=false', '-ldflags=-s -w', '-o', output]
    const folder = join(import.meta.dirname, target.module)
    const words = ['-n', '19', 'go', '-C', folder, ...how, ...flags, target.package]
    const { status } = spawnSync('nice', words, { stdio: 'inherit' })
    if (status !== 0) return status ?? 1
  }
  // Istio's image has them too; they are the same that its own tests use.
  const certificates = join(moduleDirectory('mesh-echo', 'istio.io/istio'), 'tests/testdata/certs/dns')
  copyFileSync(join(certificates, 'cert-chain.pem'), join(directory, 'cert.crt'))
  copyFileSync(join(certificates, 'key.pem'), join(directory, 'cert.key'))
  return 0
}

/** The Gateway API's own definitions. */
export function definitionsOf(edition: Edition): string {
  return join(moduleDirectory(MODULES[edition], 'sigs.k8s.io/gateway-api'), 'config/crd', edition)
}

function moduleDirectory(folder: string, module: string): string {
  const words = ['-C', join(import.meta.dirname, folder), 'list', '-m', '-f', '{{.Dir}}', module]
  return spawnSync('go', words, { encoding: 'utf8' }).stdout.trim()
}

/** The arguments of `lateen image map` for each image of the suite. */
export function imageMappings(edition: Edition, directory: string): readonly (readonly string[])[] {
  const registry = edition === 'standard' ? 'gcr.io/k8s-staging-gateway-api' : 'registry.k8s.io/gateway-api'
  const file = (path: string, name: string) => ['--file', `${path}=${join(directory, name)}`]
  return [
    [`${registry}/echo-basic`, ...file('/echo-basic', `echo-basic-${edition}`), '--', '/echo-basic'],
    [
      `${registry}/echo-advanced`,
      ...file('/usr/local/bin/server', 'server'),
      ...file('/usr/local/bin/client', 'client'),
      ...file('/cert.crt', 'cert.crt'),
      ...file('/cert.key', 'cert.key'),
      '--',
      '/usr/local/bin/server',
    ],
    ['registry.k8s.io/coredns/coredns', ...file('/coredns', 'coredns'), '--', '/coredns'],
  ]
}
