import type { AdminContext } from './types.ts'

interface OpenListener {
  readonly name: string
  readonly address: string
  readonly port: number
}

function openListeners({ instance }: AdminContext): readonly OpenListener[] {
  const { gateway, sidecar } = instance
  if (sidecar !== undefined) {
    const { outbound, inbound } = sidecar.ports()
    return [
      { name: 'virtualOutbound', address: '0.0.0.0', port: outbound },
      { name: 'virtualInbound', address: '0.0.0.0', port: inbound },
    ]
  }
  return (gateway?.list() ?? []).map(({ port, bound, transport }) => ({
    name: transport === 'udp' ? `0.0.0.0_${port}_udp` : `0.0.0.0_${port}`,
    address: '0.0.0.0',
    port: bound,
  }))
}

export function listenerLines(context: AdminContext): string {
  return openListeners(context)
    .map(({ name, address, port }) => `${name}::${address}:${port}\n`)
    .join('')
}

export function listenerStatuses(context: AdminContext) {
  return {
    listener_statuses: openListeners(context).map(({ name, address, port }) => ({
      name,
      local_address: { socket_address: { address, port_value: port } },
    })),
  }
}
