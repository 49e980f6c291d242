import { text } from './answers.ts'
import type { AdminAnswer, AdminContext } from './types.ts'

/** Of the conversation between a process and its successor. */
const HOT_RESTART_VERSION = '1'

function stateOf(context: AdminContext): 'LIVE' | 'DRAINING' | 'INITIALIZING' {
  if (context.instance.isDraining() || context.health.isFailed) return 'DRAINING'
  return context.isReady() ? 'LIVE' : 'INITIALIZING'
}

export function isReadyAnswer(context: AdminContext): AdminAnswer {
  const state = stateOf(context)
  return text(`${state}\n`, state === 'LIVE' ? 200 : 503)
}

export function serverInfo(context: AdminContext) {
  const { bootstrap } = context
  const uptime = `${Math.floor((context.clock.monotonic() - context.startedAt) / 1000)}s`
  return {
    version: `lateen/${bootstrap.node.version}`,
    state: stateOf(context),
    hot_restart_version: HOT_RESTART_VERSION,
    command_line_options: {
      restart_epoch: context.restartEpoch,
      concurrency: context.concurrency,
      log_level: context.logger.level(),
      drain_time: `${Math.floor(bootstrap.drainMs / 1000)}s`,
    },
    uptime_current_epoch: uptime,
    uptime_all_epochs: uptime,
    node: {
      id: bootstrap.node.id,
      cluster: bootstrap.node.cluster,
      metadata: { NAMESPACE: bootstrap.node.namespace, LABELS: bootstrap.node.labels },
    },
    control_plane: { address: bootstrap.discoveryAddress, connected: context.isConnected() },
  }
}

export function memory() {
  const { heapUsed, heapTotal, rss, external, arrayBuffers } = process.memoryUsage()
  return {
    allocated: String(heapUsed + external),
    heap_size: String(heapTotal),
    pageheap_unmapped: '0',
    pageheap_free: String(heapTotal - heapUsed),
    total_thread_cache: String(arrayBuffers),
    total_physical_bytes: String(rss),
  }
}
