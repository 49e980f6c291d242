import type { IncomingMessage, ServerResponse } from 'node:http'
import { parsePort, pathOf, send, sendError, serve } from '../common/http.ts'
import { renderPage } from './page.ts'

const METHODS = 'GET, HEAD, OPTIONS'

const env = process.env
const page = renderPage({
  version: env['VERSION'] ?? 'dev',
  // Set but empty means the page's own origin, which is right behind whatever address the gateway has.
  appHost: env['DEMO_APP_HOST'] ?? 'http://localhost:3000',
})

serve({ name: 'monitor', port: parsePort(env['PORT'], 8000), host: env['LISTEN'], handle: answer })

/** Every answer ends its connection, on purpose: proxies must cope with servers that do. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('Connection', 'close')
  if (pathOf(request) !== '/status') {
    sendError(response, 404, 'Not found')
    return
  }
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      send(response, 200, 'text/html; charset=utf-8', page)
      return
    case 'OPTIONS':
      response.writeHead(200, { Allow: METHODS, 'Content-Length': 0 }).end()
      return
    default:
      response.setHeader('Allow', METHODS)
      sendError(response, 405, 'Method not allowed')
  }
}
