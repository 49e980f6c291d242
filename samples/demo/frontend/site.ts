import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join } from 'node:path'
import { pathOf, send, sendError } from '../common/http.ts'

interface File {
  readonly type: string
  readonly body: Buffer
  readonly etag: string
}

const BASE = '/app'
const PAGE = '/app/'
const ASSETS = '/app/assets/'
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/**
 * The static site under `/app/`. Its few files are read once, so a request can name no other file of the machine.
 * @param root holds `index.html` and `assets/`
 */
export function createSite(root: string): (request: IncomingMessage, response: ServerResponse) => void {
  const page = readFile(join(root, 'index.html'))
  const files = new Map([[`${PAGE}index.html`, page]])
  for (const name of readdirSync(join(root, 'assets')))
    files.set(ASSETS + name, readFile(join(root, 'assets', name)))
  return (request, response) => {
    const path = pathOf(request)
    if (path === undefined || (path !== BASE && !path.startsWith(PAGE))) {
      sendError(response, 404, 'Not found')
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD')
      sendError(response, 405, 'Method not allowed')
    } else if (path === BASE) {
      redirectToPage(request, response)
    } else {
      sendFile(request, response, files.get(path) ?? (path.startsWith(ASSETS) ? undefined : page))
    }
  }
}

function readFile(path: string): File {
  const body = readFileSync(path)
  const type = TYPES[extname(path)] ?? 'application/octet-stream'
  return { type, body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` }
}

/** The Location names no host: the browser keeps the one it used, whatever gateway or port is in front. */
function redirectToPage(request: IncomingMessage, response: ServerResponse): void {
  const query = (request.url ?? '').indexOf('?')
  response.setHeader('Location', query === -1 ? PAGE : PAGE + (request.url ?? '').slice(query))
  send(response, 301, 'text/plain; charset=utf-8', `Moved to ${PAGE}\n`)
}

/** File names do not change with their content, so a browser must ask each time; the ETag makes that cheap. */
function sendFile(request: IncomingMessage, response: ServerResponse, file: File | undefined): void {
  if (file === undefined) {
    sendError(response, 404, 'Not found')
    return
  }
  response.setHeader('Cache-Control', 'no-cache')
  response.setHeader('ETag', file.etag)
  if (isCurrent(request.headers['if-none-match'], file.etag)) response.writeHead(304).end()
  else send(response, 200, file.type, file.body)
}

/** The weak comparison of RFC 9110, 13.1.2. */
function isCurrent(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes(etag) || tags.includes('*')
}
