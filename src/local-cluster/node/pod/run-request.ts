import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../../../base/index.ts'
import type { Container, Pod } from '../../../kube/index.ts'
import type { HostedMount } from '../../../linux/index.ts'
import { nodeAddresses } from '../addresses.ts'
import type { NodeContext } from '../context.ts'
import { hasProgram } from '../debian-packages.ts'
import { findProgram, type ImageProgram, invalidReference } from '../images.ts'
import type { PodPaths } from '../paths.ts'
import type { RunRequest } from '../runtime/container-runtime.ts'
import { DEFAULT_TERMINATION_PATH, type LaunchOptions } from '../runtime/launch.ts'
import type { BindMount } from '../runtime/root-filesystem.ts'
import { bindMounts } from '../volume/volumes.ts'
import { capabilitiesOf } from './capabilities.ts'
import { commandLine, shellMounts } from './command-line.ts'
import { buildEnvironment } from './environment.ts'
import { expandVariables } from './expand.ts'
import { imageFileMounts } from './image-files.ts'
import { closedAncestors, decideUser } from './security.ts'

/** A container that cannot be started as things are, in the words of its waiting state. */
export type RequestResult =
  | {
      readonly kind: 'ready'
      readonly request: RunRequest
      /** What its user should know, although it starts. */
      readonly notice?: string
    }
  | Refusal

/** What kind of state a container waits in, and why. */
export interface Refusal {
  readonly kind: 'no-image' | 'never-pull' | 'invalid-image' | 'bad-config'
  readonly message: string
}

export interface RequestOptions {
  readonly context: NodeContext
  readonly pod: Pod
  readonly container: Container
  readonly paths: PodPaths
  /** IPv4 first. */
  readonly podIps: readonly string[]
  readonly nameservers: readonly string[]
  /** The process namespace to join; its own when absent. */
  readonly pidNamespace?: string
}

/** Turns a container's specification into what the runtime is to run. */
export function buildRunRequest(options: RequestOptions): RequestResult {
  const image = options.container.image ?? ''
  const invalid = invalidReference(image)
  if (invalid !== undefined) return { kind: 'invalid-image', message: invalid }
  const program = findProgram(options.context.images(), image)
  if (program === undefined) {
    return options.container.imagePullPolicy === 'Never'
      ? { kind: 'never-pull', message: `Container image "${image}" is not present with pull policy of Never` }
      : { kind: 'no-image', message: unmappedMessage(image) }
  }
  const missing = missingProgram(options, program)
  if (missing !== undefined) return { kind: 'no-image', message: missing }
  const environment = environmentOf(options, program)
  if (!environment.ok) return { kind: 'bad-config', message: environment.error }
  const { value: variables } = environment
  try {
    return requestOf(options, program, variables)
  } catch (error) {
    return { kind: 'bad-config', message: messageOf(error) }
  }
}

/** Kubernetes' words, then the remedy. */
function unmappedMessage(image: string): string {
  return `this node runs images as programs and knows none for it; say which: lateen image map '${image}' -- COMMAND [ARGS...]`
}

/** A container with a command of its own may do without the image's program. */
function missingProgram({ context, container }: RequestOptions, program: ImageProgram): string | undefined {
  if (program.kind !== 'machine' || (container.command ?? []).length > 0) return undefined
  const path = context.containerEnv['PATH'] ?? ''
  if (hasProgram(path, program.program)) return undefined
  return `this node runs the image as the machine's own ${program.program}, which is not installed (on Debian: apt-get install -y ${program.debianPackage})`
}

function environmentOf(options: RequestOptions, program: ImageProgram) {
  const { context, pod, container } = options
  const namespace = pod.metadata.namespace ?? ''
  return buildEnvironment({
    pod,
    container,
    facts: factsOf(options),
    defaults: {
      ...context.containerEnv,
      HOSTNAME: hostnameOf(pod, context.nodeName),
      ...(program.kind === 'command' ? program.env : {}),
    },
    services: context.lookups.services(),
    configMap: (name) => context.lookups.configMap(namespace, name),
    secret: (name) => context.lookups.secret(namespace, name),
  })
}

/** Istio has one image for capture and proxy: the first argument says which. */
export function isCapture(program: ImageProgram, words: readonly string[]): boolean {
  return program.kind === 'capture' || (program.kind === 'hosted' && words[0] === 'istio-iptables')
}

export function factsOf(options: { readonly context: NodeContext; readonly podIps: readonly string[] }) {
  const { context, podIps } = options
  return {
    nodeName: context.nodeName,
    hostIps: nodeAddresses(context.network),
    podIps,
    allocatable: context.allocatable,
  }
}

/** At most 63 characters, as the kernel and DNS allow; in the machine's network the node's own. */
export function hostnameOf(pod: Pod, nodeName: string): string {
  if (pod.spec.hostNetwork === true) return nodeName
  return (pod.spec.hostname ?? pod.metadata.name).slice(0, 63).replace(/[-.]+$/, '')
}

function requestOf(
  options: RequestOptions,
  program: ImageProgram,
  variables: ReadonlyMap<string, string>,
): RequestResult {
  const { container, context, paths, pod } = options
  const expand = (words: readonly string[] | undefined) =>
    words?.map((word) => expandVariables(word, variables))
  const command = expand(container.command) ?? []
  const args = expand(container.args)
  const words = [...command, ...(args ?? [])]
  const env = Object.fromEntries(variables)
  if (program.kind === 'capture' || isCapture(program, words)) {
    return { kind: 'ready', request: { kind: 'capture', args: words } }
  }
  const files = program.kind === 'machine' || program.kind === 'command' ? (program.files ?? []) : []
  const mounts = [
    ...etcMounts(paths),
    ...imageFileMounts({ files, container, paths }),
    ...(context.rootMode === 'shared' ? [] : shellMounts(program)),
    ...bindMounts({ pod, container, paths, variables }),
  ]
  if (program.kind === 'hosted')
    return { kind: 'ready', request: hostedRequest(options, { args: words, env, mounts }) }
  return processRequest(options, {
    mounts,
    env,
    kind: program.kind,
    command: commandLine(program, { command, args, path: env['PATH'] ?? '' }),
    workingDir: container.workingDir ?? workingDirOf(program) ?? '/',
  })
}

function workingDirOf(program: ImageProgram): string | undefined {
  return program.kind === 'command' || program.kind === 'machine' ? program.workingDir : undefined
}

function processRequest(
  { context, pod, container, paths, pidNamespace }: RequestOptions,
  program: Pick<LaunchOptions, 'mounts' | 'env' | 'command' | 'workingDir'> & Pick<ImageProgram, 'kind'>,
): RequestResult {
  // Of the command's words, those that are files of this machine must be readable for the program.
  const files = program.command.filter((word) => word.startsWith('/') && existsSync(word))
  const needed = [...context.visiblePaths, ...files]
  const isRootImage = ROOT_IMAGES.some((kind) => kind === program.kind)
  const decision = decideUser(pod, container, { machine: context.userMachine, paths: needed, isRootImage })
  if (decision.kind === 'refused') return { kind: 'bad-config', message: decision.message }
  const user = decision.kind === 'user' ? decision.user : undefined
  const security = container.securityContext ?? {}
  const capabilities = capabilitiesOf(security)
  const isFrozen = security.readOnlyRootFilesystem === true
  const home = user !== undefined && user.uid !== 0 && program.env['HOME'] === context.containerEnv['HOME']
  const notices = [
    ...(decision.kind === 'root-instead' ? [decision.message] : []),
    ...(isFrozen && context.rootMode === 'shared'
      ? [`the root file system of container ${container.name} stays writable: overlayfs does not work here`]
      : []),
  ]
  return {
    kind: 'ready',
    ...(notices.length > 0 ? { notice: notices.join('; ') } : {}),
    request: {
      kind: 'process',
      launch: {
        mounts: program.mounts,
        command: program.command,
        workingDir: program.workingDir,
        netns: paths.netns,
        uts: paths.uts,
        ipc: paths.ipc,
        rootMode: context.rootMode,
        visiblePaths: context.visiblePaths,
        // The node's own default is root's home, which is not this user's.
        env: home ? { ...program.env, HOME: '/' } : program.env,
        rights: {
          ...(user === undefined ? {} : { user }),
          ...(capabilities === undefined ? {} : { capabilities }),
          noNewPrivileges: security.allowPrivilegeEscalation === false,
        },
        ...(isFrozen && context.rootMode !== 'shared' ? { readOnly: frozenPlaces(program.mounts) } : {}),
        opened: user === undefined ? [] : closedAncestors(needed),
        stdin: container.stdin === true ? (container.stdinOnce === true ? 'once' : 'open') : 'none',
        tty: container.tty === true,
        terminationMessagePath: container.terminationMessagePath ?? DEFAULT_TERMINATION_PATH,
        ...(pidNamespace === undefined ? {} : { pidNamespace }),
      },
    },
  }
}

/** Elsewhere these images (alpine, nginx, python…) run as root. */
const ROOT_IMAGES: readonly ImageProgram['kind'][] = ['shell', 'machine']

/** What of the root file system is writable otherwise; a volume in such a place stays as it is. */
function frozenPlaces(mounts: readonly BindMount[]): readonly string[] {
  return ['/', '/tmp', '/run'].filter((place) => !mounts.some(({ mountPath }) => mountPath === place))
}

function hostedRequest(
  { pod, container, paths, podIps, nameservers, context }: RequestOptions,
  program: {
    readonly args: readonly string[]
    readonly env: Readonly<Record<string, string>>
    readonly mounts: readonly BindMount[]
  },
): RunRequest {
  return {
    kind: 'hosted',
    instance: {
      podUid: pod.metadata.uid ?? '',
      namespace: pod.metadata.namespace ?? '',
      podName: pod.metadata.name,
      containerName: container.name,
      netns: paths.netns,
      podIps,
      nodeName: context.nodeName,
      args: program.args,
      env: program.env,
      mounts: hostedMounts(program.mounts),
      nameservers,
    },
  }
}

/** Longest path first, so that the first prefix that matches is the right one. */
function hostedMounts(mounts: readonly BindMount[]): readonly HostedMount[] {
  return mounts
    .map(({ mountPath, hostPath }) => ({ mountPath, hostPath }))
    .sort((a, b) => b.mountPath.length - a.mountPath.length)
}

function etcMounts(paths: PodPaths): readonly BindMount[] {
  return ['hosts', 'resolv.conf', 'hostname'].map((name) => ({
    hostPath: join(paths.etc, name),
    mountPath: `/etc/${name}`,
    readOnly: false,
  }))
}
