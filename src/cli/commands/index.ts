import { type Command, Option } from 'commander'
import type { CommandCall } from '../command-call.ts'

/** A command's face; its body is loaded only when it is called. */
export interface CommandFace {
  readonly name: string
  readonly summary: string
  /** Other names, as istioctl has them. */
  readonly aliases?: readonly string[]
  readonly hidden?: boolean
  readonly declare: (command: Command) => void
  readonly load: () => Promise<{ readonly run: (call: CommandCall) => Promise<void> }>
}

const noOptions = () => {}

export const COMMANDS: readonly CommandFace[] = [
  {
    name: 'up',
    summary: 'start the one-machine Kubernetes, or pick up one that runs',
    declare: (command) =>
      command
        .option('--api-port <port>', 'port of the API server on 127.0.0.1', '6443')
        .option('--proxy-concurrency <number>', 'worker threads of the process that hosts the proxies', '1'),
    load: () => import('./up.ts'),
  },
  {
    name: 'down',
    summary: 'stop the one-machine Kubernetes; its data stays',
    declare: (command) => command.option('--delete', 'delete its data as well', false),
    load: () => import('./down.ts'),
  },
  {
    name: 'hot-restart',
    summary: 'replace the process that hosts the proxies, without an interruption',
    declare: noOptions,
    load: () => import('./hot-restart.ts'),
  },
  { name: 'status', summary: 'say what runs', declare: noOptions, load: () => import('./status.ts') },
  {
    name: 'env',
    summary: 'print what a shell needs: eval "$(bin/lateen env)"',
    declare: (command) =>
      command.option('--istioctl', 'put the command on PATH under the name istioctl too', false),
    load: () => import('./env.ts'),
  },
  {
    name: 'image',
    summary:
      'which program stands for an image: image map PATTERN -- COMMAND…, image list, image unmap PATTERN',
    declare: (command) =>
      command
        .argument('<action>')
        .argument('[words...]')
        .option('--env <name=value>', 'a variable of the image; may be given again', collect, [])
        .option(
          '--file <path=file>',
          'a path in the image, and the file of this machine that stands for it; may be given again',
          collect,
          [],
        )
        .option('--working-dir <path>', 'where the program starts'),
    load: () => import('./image.ts'),
  },
  {
    name: 'install',
    summary: 'install the mesh',
    declare: (command) =>
      command
        .option(
          '-s, --set <key=value>',
          'a setting, such as profile=default; may be given again',
          collect,
          [],
        )
        .option('-f, --filename <file>', 'an IstioOperator file; may be given again', collect, [])
        .option('-r, --revision <name>', 'revision of the control plane')
        .option('-y, --skip-confirmation', 'do not ask', false)
        .option('--readiness-timeout <duration>', 'how long to wait', '5m')
        .option('--dry-run', 'print what would be applied', false),
    load: () => import('./install.ts'),
  },
  {
    name: 'uninstall',
    summary: 'remove the mesh',
    declare: (command) =>
      command
        .option('--purge', 'remove everything, all revisions', false)
        .option('-y, --skip-confirmation', 'do not ask', false),
    load: () => import('./uninstall.ts'),
  },
  {
    name: 'version',
    summary: 'versions of this program, the control plane and the proxies',
    declare: (command) =>
      command
        .option('-s, --short', 'the version alone', false)
        .option('-o, --output <format>', 'json or yaml')
        .option('--remote <bool>', 'ask the cluster too', 'true'),
    load: () => import('./version.ts'),
  },
  {
    name: 'analyze',
    summary: 'find what is wrong with the configuration of the cluster or of files',
    declare: (command) =>
      command
        .argument('[files...]', 'YAML files or folders to analyze together with the cluster')
        .option('-A, --all-namespaces', 'all namespaces', false)
        .option('-k, --use-kube <bool>', 'read the cluster too', 'true')
        .option('-o, --output <format>', 'log, json or yaml', 'log')
        .option('--failure-threshold <level>', 'Info, Warning or Error', 'Error')
        .option('--output-threshold <level>', 'Info, Warning or Error', 'Info'),
    load: () => import('./analyze.ts'),
  },
  {
    name: 'explain',
    summary: 'say which rule takes a request, and why not the others',
    declare: (command) =>
      command
        .argument('<url>', 'such as http://demo.example/api')
        .argument('[files...]', 'YAML files or folders to read, over those of the cluster')
        .option('-X, --request <method>', 'the request’s method', 'GET')
        .option('-H, --header <line>', 'a header of the request; may be given again', collect, [])
        .option('--gateway <namespace/name>', 'the one gateway that is meant')
        .option('--from <namespace[/pod]>', 'a client in the mesh, whose sidecar decides')
        .option('-k, --use-kube <bool>', 'read the cluster too', 'true')
        .option('-o, --output <format>', 'text or json', 'text'),
    load: () => import('./explain.ts'),
  },
  {
    name: 'tap',
    summary: 'show requests as they pass the proxy of a pod',
    declare: (command) =>
      command
        .argument('[pod]', 'NAME or NAME.NAMESPACE')
        .option('--path <prefix>', 'only requests whose path begins so')
        .option('-X, --method <method>', 'only requests with this method')
        .option(
          '-H, --header <line>',
          'only requests with this header, or name; may be given again',
          collect,
          [],
        )
        .option('--status <status>', 'only answers with this status, such as 503 or 5xx')
        .option('--body <bytes>', 'how much of each body is shown; nothing if it is not given')
        .option('--limit <number>', 'end after so many')
        .option('--admin <host:port>', 'a proxy’s admin port, instead of a pod’s')
        .option('-o, --output <format>', 'text or json', 'text'),
    load: () => import('./tap.ts'),
  },
  {
    name: 'proxy-status',
    aliases: ['ps'],
    summary: 'the proxies that are connected, and whether they have what was last said',
    declare: (command) =>
      command
        .argument('[pod]', 'NAME or NAME.NAMESPACE: only this one')
        .option('-o, --output <format>', 'table, json or yaml', 'table'),
    load: () => import('./proxy-status.ts'),
  },
  {
    name: 'proxy-config',
    aliases: ['pc'],
    summary: 'what a proxy works with: its clusters, listeners, routes, endpoints, secrets',
    declare: (command) =>
      command
        .argument('<part>', 'cluster, listener, route, endpoint, secret, bootstrap, log or all')
        .argument('[pod]', 'NAME or NAME.NAMESPACE')
        .option('-f, --file <path>', 'a configuration dump of a proxy, instead of a pod’s')
        .option('-o, --output <format>', 'short, json or yaml')
        .option('--fqdn <name>', 'clusters of services whose name has this in it')
        .option('--subset <name>', 'clusters of this subset')
        .option('--direction <word>', 'inbound or outbound clusters')
        .option('--port <number>', 'of this port')
        .option('--address <address>', 'listeners or endpoints at this address')
        .option('--name <name>', 'routes of this name')
        .option('--cluster <name>', 'endpoints of this cluster')
        .option('--status <word>', 'endpoints that are healthy or unhealthy')
        .option('--level <level>', 'with log: the level from now on')
        .option('-r, --reset', 'with log: the level that proxies begin with', false),
    load: () => import('./proxy-config.ts'),
  },
  {
    name: 'x',
    aliases: ['experimental', 'exp'],
    summary:
      'istioctl’s experimental commands: x authz check POD, the policies that a proxy works with; x describe pod|service NAME, what holds for it',
    declare: (command) =>
      command
        .argument('<group>')
        .argument('<command>')
        .argument('[words...]', 'a pod, or a service, as NAME or NAME.NAMESPACE')
        .option('-f, --file <path>', 'with authz check: a configuration dump of a proxy, instead of a pod’s')
        .option('--ignoreUnmeshed', 'with describe: say nothing of pods without sidecars', false),
    load: () => import('./x.ts'),
  },
  {
    name: 'serve',
    summary: 'serve Gateway API and Istio YAML files on this machine, without a cluster',
    declare: (command) =>
      command
        .argument('[files...]', 'YAML files or folders')
        .option('-f, --filename <path>', 'a YAML file or folder; may be given again', collect, [])
        .option('--address <ip>', 'where to listen', '0.0.0.0')
        .option('--admin-port <port>', 'Envoy’s admin interface on 127.0.0.1; 0: none', '15000')
        .option('--access-log', 'log requests, where the files have no MeshConfig', false)
        .option('--access-log-format <text>', 'the same in this format of Envoy’s, or Istio’s default')
        .option('--access-log-encoding <TEXT|JSON>', 'whether the format is a text or a JSON object', 'TEXT')
        .option('--otlp-endpoint <url>', 'send spans there: grpc://HOST:4317 or http://HOST:4318')
        .option('--trace-sampling <percent>', 'share of requests that are traced', '1')
        .option('--proxy-protocol', 'clients come through a balancer that sends PROXY headers', false)
        .option(
          '--trusted-proxies <number>',
          'proxies before this one whose X-Forwarded-For is believed',
          '0',
        )
        .option('--concurrency <number>', 'worker threads that serve connections', '1')
        .option(
          '--max-connections <number>',
          'open connections beyond which new ones are refused; 0: no bound (default: half of the descriptors)',
        )
        .option(
          '--max-memory <size>',
          'memory beyond which it takes less upon itself, such as 512Mi; 0: no bound (default: the limit of the control group)',
        )
        .option(
          '--max-request-headers-kb <number>',
          'size of a request head beyond which it is refused',
          '60',
        )
        .option(
          '--max-request-headers-count <number>',
          'fields of a request head beyond which it is refused',
          '100',
        )
        .option(
          '--max-response-headers-kb <number>',
          'size of the head of a response beyond which it is not passed on',
          '60',
        )
        .option(
          '--max-response-headers-count <number>',
          'fields of the head of a response beyond which it is not passed on',
          '100',
        )
        .option('--request-headers-timeout <duration>', 'how long a request head may take to come', '60s')
        .option(
          '--stream-idle-timeout <duration>',
          'how long a request may stand still before it is ended; 0s: for ever',
          '0s',
        )
        .option(
          '--hot-restart-socket <path>',
          'take the place of the process that listens there, and let the next one take this one’s',
        )
        .option('--drain-time <duration>', 'how long connections may last after a hot restart', '600s')
        .option('--pid-file <path>', 'where the process that serves writes its number')
        .addOption(new Option('--take-over <path>').hideHelp()),
    load: () => import('./serve.ts'),
  },
  {
    name: 'demo',
    summary: 'the whole walkthrough: cluster, mesh, demo application, every routing mode',
    declare: (command) => command.option('--once', 'exit when it is done, 0 or 1', false),
    load: () => import('./demo.ts'),
  },
  {
    name: 'supervise',
    summary: 'keep the cluster’s processes running',
    hidden: true,
    declare: (command) =>
      command.option('--api-port <port>', '', '6443').option('--proxy-concurrency <number>', '', '1'),
    load: () => import('./supervise.ts'),
  },
  {
    name: 'api-server',
    summary: 'API server, controllers and node agent',
    hidden: true,
    declare: (command) => command.option('--api-port <port>', '', '6443'),
    load: () => import('./api-server.ts'),
  },
  {
    name: 'node-proxy',
    summary: 'the proxies of all pods, and the cluster’s DNS',
    hidden: true,
    declare: (command) =>
      command
        .option('--concurrency <number>', '', '1')
        .option('--max-connections <number>', '')
        .option('--max-memory <size>', '')
        .option('--drain-time <duration>', '', '600s'),
    load: () => import('./node-proxy.ts'),
  },
  {
    name: 'forward',
    summary: 'ports of a cluster without root at 127.0.0.1',
    hidden: true,
    declare: (command) =>
      command.option('--api-port <port>', '', '6443').requiredOption('--netns <file>', ''),
    load: () => import('./forward.ts'),
  },
  {
    name: 'teardown',
    summary: 'take away pods, links and rules',
    hidden: true,
    declare: noOptions,
    load: () => import('./teardown.ts'),
  },
  {
    name: 'istiod',
    summary: 'the control plane (the program of its container)',
    hidden: true,
    declare: (command) => command.argument('[words...]').allowUnknownOption().passThroughOptions(),
    load: () => import('./istiod.ts'),
  },
  {
    name: 'proxy',
    summary: 'one proxy (the program of its container on a real Kubernetes)',
    hidden: true,
    declare: (command) => command.argument('[words...]').allowUnknownOption().passThroughOptions(),
    load: () => import('./proxy.ts'),
  },
]

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}
