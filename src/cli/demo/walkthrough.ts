import { defined, systemClock } from '../../base/index.ts'
import { CliError } from '../exit.ts'
import type { Kubectl } from './kubectl.ts'
import { type Probe, ROUTING_MODES, type RoutingMode } from './modes.ts'
import { ask, bars, sample, tally } from './sampling.ts'

export const DEMO_NAMESPACE = 'demo'
const DEMO = 'samples/demo'
const DEADLINE_MS = 60_000

export interface WalkthroughOptions {
  readonly kubectl: Kubectl
  readonly print: (line: string) => void
  /** Where this machine reaches port 80 of an address of the cluster: without root it is somewhere else. */
  readonly reach: (address: string) => Promise<string>
}

/** Namespace, gateway and application, as the article deploys them; what is there already is left as it is. */
export async function deployDemo({ kubectl, print }: Omit<WalkthroughOptions, 'reach'>): Promise<void> {
  print('\nThe demo application')
  await once(kubectl, print, ['get', 'namespace', DEMO_NAMESPACE], ['create', 'namespace', DEMO_NAMESPACE])
  await kubectl.show(['label', 'namespace', DEMO_NAMESPACE, 'istio-injection=enabled', '--overwrite'])
  await once(
    kubectl,
    print,
    ['get', '-f', `${DEMO}/routing/gateway-api/gateway.yaml`, '-n', DEMO_NAMESPACE],
    ['create', '-f', `${DEMO}/routing/gateway-api/gateway.yaml`, '-n', DEMO_NAMESPACE],
  )
  await once(
    kubectl,
    print,
    ['get', 'deployment', 'backend-v1', '-n', DEMO_NAMESPACE],
    ['create', '-k', `${DEMO}/kube/demo/environments/demo`],
  )
  // Of the pods some may not be there yet, which a wait for pods would not wait for.
  const available = ['wait', 'deployments', '--all', '--for=condition=Available']
  await kubectl.run([...available, '-n', DEMO_NAMESPACE, '--timeout=60s'])
  print((await kubectl.show(['get', 'pods', '-n', DEMO_NAMESPACE])).trimEnd().replaceAll(/^/gm, '    '))
}

/** @returns where the demo's Gateway is reached, once it has an address and serves */
export async function gatewayAddress({ kubectl, reach }: WalkthroughOptions): Promise<string> {
  await kubectl.run([
    'wait',
    'gateway/demo-app-gateway',
    '--for=condition=Programmed',
    '-n',
    DEMO_NAMESPACE,
    '--timeout=60s',
  ])
  const address = await kubectl.run([
    'get',
    'gateway/demo-app-gateway',
    '-n',
    DEMO_NAMESPACE,
    '-o',
    'jsonpath={.status.addresses[0].value}',
  ])
  return reach(address)
}

/** @returns where the shared gateway of the Istio API is reached */
export async function ingressAddress({ kubectl, reach }: WalkthroughOptions): Promise<string> {
  const address = await kubectl.run([
    'get',
    'service/istio-ingressgateway',
    '-n',
    'istio-system',
    '-o',
    'jsonpath={.status.loadBalancer.ingress[0].ip}',
  ])
  return reach(address)
}

/** Goes through the routing modes. @returns what did not come out as it must, none if all did */
export async function walkThrough(options: WalkthroughOptions): Promise<readonly string[]> {
  const { kubectl, print } = options
  const addresses = {
    'gateway-api': await gatewayAddress(options),
    'istio-api': await ingressAddress(options),
  }
  await removeRoutes(kubectl)
  const problems: string[] = []
  let api: RoutingMode['api'] | undefined
  for (const mode of ROUTING_MODES) {
    if (mode.api !== api) {
      api = mode.api
      print(
        api === 'gateway-api'
          ? '\nRouting with the Kubernetes Gateway API'
          : '\nRouting with the Istio API, through istio-ingressgateway',
      )
      if (api === 'istio-api') await prepareIstioApi(kubectl)
    }
    problems.push(...(await showMode(mode, addresses[mode.api], options)))
  }
  await kubectl.run([
    'delete',
    '-f',
    `${DEMO}/routing/istio-api/gateway.yaml`,
    '-f',
    `${DEMO}/routing/istio-api/destination-rules.yaml`,
    '-n',
    DEMO_NAMESPACE,
  ])
  // What is left is the first mode, which a person finds in the browser; it must not be told of before it serves.
  const first = defined(ROUTING_MODES[0], 'the first mode')
  await kubectl.run(['create', ...filesOf(first), '-n', DEMO_NAMESPACE])
  await untilLive(first, addresses[first.api])
  return problems
}

function filesOf(mode: RoutingMode): readonly string[] {
  return mode.manifests.flatMap((file) => ['-f', `${DEMO}/routing/${file}`])
}

async function prepareIstioApi(kubectl: Kubectl): Promise<void> {
  await kubectl.show(['apply', '-f', `${DEMO}/routing/istio-api/gateway.yaml`, '-n', DEMO_NAMESPACE])
  await kubectl.show([
    'apply',
    '-f',
    `${DEMO}/routing/istio-api/destination-rules.yaml`,
    '-n',
    DEMO_NAMESPACE,
  ])
}

async function showMode(
  mode: RoutingMode,
  address: string,
  options: WalkthroughOptions,
): Promise<readonly string[]> {
  const { kubectl, print } = options
  print(`\n  ${mode.title}: ${mode.explanation}`)
  const files = filesOf(mode)
  await kubectl.show(['create', ...files, '-n', DEMO_NAMESPACE])
  const liveMs = await untilLive(mode, address)
  print(`  live after ${liveMs.toFixed(0)} ms`)
  const problems: string[] = []
  for (const probe of mode.probes) problems.push(...(await showProbe(mode, probe, address, print)))
  await kubectl.show(['delete', ...files, '-n', DEMO_NAMESPACE])
  return problems
}

/** Asks until the route answers as it must for a certain probe, or answers at all for a shared one. */
async function untilLive(mode: RoutingMode, address: string): Promise<number> {
  const started = performance.now()
  const probe = mode.probes[0] as Probe
  for (;;) {
    const answer = await ask({ ...probe.ask, address }).catch(() => undefined)
    if (answer && probe.nameOf(answer) in probe.expected) return performance.now() - started
    if (performance.now() - started > DEADLINE_MS) {
      const seen = answer ? `status ${answer.status}: ${answer.body.slice(0, 200)}` : 'no answer'
      throw new CliError(
        `${mode.title}: http://${address}${probe.ask.path} did not serve the route within 60 s (${seen})`,
      )
    }
    await systemClock.sleep(1)
  }
}

async function showProbe(
  mode: RoutingMode,
  probe: Probe,
  address: string,
  print: (line: string) => void,
): Promise<readonly string[]> {
  const answers = await sample({ ...probe.ask, address }, probe.count)
  const counts = tally(answers, probe.nameOf)
  print(`\n    ${probe.title}   × ${probe.count}`)
  for (const line of bars(counts)) print(`      ${line}`)
  const last = answers.at(-1)
  const proof = [
    'server',
    'x-envoy-upstream-service-time',
    ...(probe.proof === undefined ? [] : [probe.proof]),
  ]
  print(`      ${proof.map((name) => `${name}: ${last?.headers[name] ?? '–'}`).join('   ')}`)
  return judge(counts, probe).map((problem) => `${mode.api} ${mode.title}, ${probe.title}: ${problem}`)
}

export function judge(counts: ReadonlyMap<string, number>, probe: Probe): readonly string[] {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
  const strangers = [...counts]
    .filter(([name]) => !(name in probe.expected))
    .map(([name, count]) => `${count} × unexpected ${name}`)
  const off = Object.entries(probe.expected).flatMap(([name, share]) => {
    const actual = (counts.get(name) ?? 0) / total
    return Math.abs(actual - share) <= probe.tolerance
      ? []
      : [`${name} got ${(actual * 100).toFixed(0)} %, expected about ${share * 100} %`]
  })
  return [...strangers, ...off]
}

/** Routes of an earlier walk would win over new ones: the older route comes first. */
async function removeRoutes(kubectl: Kubectl): Promise<void> {
  await kubectl.run([
    'delete',
    'httproutes.gateway.networking.k8s.io,virtualservices.networking.istio.io',
    '--all',
    '-n',
    DEMO_NAMESPACE,
  ])
}

async function once(
  kubectl: Kubectl,
  print: (line: string) => void,
  look: readonly string[],
  make: readonly string[],
): Promise<void> {
  const there = await kubectl.run(look).then(
    () => true,
    () => false,
  )
  if (there) print(`  (already there) kubectl ${make.join(' ')}`)
  else await kubectl.show(make)
}
