/**
 * A process that reads configuration: YAML, schemas and the mesh's translation take more memory than the proxy itself,
 * and are of use only while files change. (What a thread has had, its process keeps: measured, 70 MB.) It ends when
 * the channel to its parent does.
 */
import { enableCompileCache } from 'node:module'
import type { LoadAnswer, LoadingMessage } from './loading-protocol.ts'
import type { Loading } from './loading.ts'

let load: Promise<Loading> | undefined

process.on('message', (message: LoadingMessage) => {
  if (message.op === 'begin') {
    // Before what it is to make quick.
    if (message.cacheDirectory !== undefined) enableCompileCache(message.cacheDirectory)
    load = import('./loading.ts').then(({ createLoading }) => createLoading(message))
  } else {
    void load?.then((ready) => process.send?.(ready(message.files) satisfies LoadAnswer))
  }
})
