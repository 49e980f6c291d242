import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { systemClock } from '../base/index.ts'
import {
  createKubeClient,
  httpsTransport,
  inClusterConfig,
  type KubeClient,
  type KubeconfigContext,
  parseKubeconfig,
} from '../kube/client/index.ts'
import { stateDirectory, type StateDirectory } from '../local-cluster/index.ts'
import type { CommandCall } from './command-call.ts'
import { CliError, ExitCode } from './exit.ts'

export function stateOf(call: CommandCall): StateDirectory {
  return stateDirectory(String(call.options['stateDir']))
}

/** The configuration file in the order of istioctl: the flag, KUBECONFIG; then the one-machine cluster's own. */
export function kubeconfigPath(call: CommandCall): string | undefined {
  const flag = call.options['kubeconfig']
  if (typeof flag === 'string') return flag
  const fromEnvironment = process.env['KUBECONFIG']?.split(':').find((path) => path !== '')
  if (fromEnvironment !== undefined) return fromEnvironment
  const own = stateOf(call).kubeconfig
  return existsSync(own) ? own : undefined
}

/** @throws CliError when there is no cluster to talk to */
export function connect(call: CommandCall): KubeClient {
  return createKubeClient(httpsTransport(kubeconfig(call)))
}

/** How the cluster is reached. @throws CliError when there is none to talk to */
export function kubeconfig(call: CommandCall): KubeconfigContext {
  const path = kubeconfigPath(call)
  if (path === undefined) {
    throw new CliError(
      'no Kubernetes cluster is configured: start one with `lateen up`, or name one with --kubeconfig',
      ExitCode.unavailable,
    )
  }
  if (!existsSync(path))
    throw new CliError(`the Kubernetes configuration ${path} does not exist`, ExitCode.unavailable)
  const context = call.options['context']
  const config = parseKubeconfig(readFileSync(path, 'utf8'), {
    ...(typeof context === 'string' ? { context } : {}),
    readFile: (file) => readFileSync(resolve(dirname(path), file), 'utf8'),
  })
  if (!config.ok) {
    const [violation] = config.error
    throw new CliError(`${path}: ${violation?.path ?? ''} ${violation?.message ?? ''}`, ExitCode.data)
  }
  return config.value
}

/** The client of a program that runs in a pod. */
export function connectInCluster(): KubeClient {
  const config = inClusterConfig((path) => readFileSync(path, 'utf8'), process.env, systemClock)
  if (!config)
    throw new CliError(
      'this program runs in a pod, and here is none: KUBERNETES_SERVICE_HOST is not set',
      ExitCode.usage,
    )
  return createKubeClient(httpsTransport(config))
}
