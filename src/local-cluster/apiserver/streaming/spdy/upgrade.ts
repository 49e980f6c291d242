import type { UpgradeConnection } from '../../request.ts'

/** Switches the connection to SPDY/3.1. */
export function answerSpdyUpgrade({ socket }: UpgradeConnection, protocol: string): void {
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    'Upgrade: SPDY/3.1',
    `X-Stream-Protocol-Version: ${protocol}`,
  ]
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
}
