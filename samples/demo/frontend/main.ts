import { join } from 'node:path'
import { parsePort, serve } from '../common/http.ts'
import { createSite } from './site.ts'

serve({
  name: 'frontend',
  port: parsePort(process.env['PORT'], 80),
  host: process.env['LISTEN'],
  handle: createSite(join(import.meta.dirname, 'web')),
})
