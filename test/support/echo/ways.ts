import { askAt, type EchoMesh, type Question, untilServed } from './mesh.ts'
import type { Call, Reply } from './protocol.ts'
import { virtualService } from './virtual-service.ts'

export interface Way {
  readonly name: 'gateway' | 'sidecar'
  readonly ask: (path: string, question: Question) => Promise<Reply>
  /** One after another. */
  readonly sample: (path: string, host: string, count: number) => Promise<readonly Reply[]>
}

/** Both ways by which a VirtualService takes requests: the same rules must mean the same at either. */
export function waysOf(mesh: EchoMesh): readonly [gateway: Way, sidecar: Way] {
  const outgoing = (path: string, { port, host, headers, ...rest }: Question): Call => ({
    url: `http://echo.shop${port === undefined ? '' : `:${port}`}${path}`,
    headers: { ...(host !== undefined && { host }), ...headers },
    ...rest,
  })
  return [
    {
      name: 'gateway',
      ask: (path, question) => askAt(mesh.ingress, path, question),
      async sample(path, host, count) {
        const replies: Reply[] = []
        while (replies.length < count) replies.push(await askAt(mesh.ingress, path, { host }))
        return replies
      },
    },
    {
      name: 'sidecar',
      ask: (path, question) => mesh.client.call(outgoing(path, question)),
      sample: (path, host, count) =>
        mesh.client.calls(Array.from({ length: count }, () => outgoing(path, { host }))),
    },
  ]
}

/** A way with the host of the rules that are served. */
export interface ServedWay {
  readonly way: Way['name']
  readonly ask: (path: string, question?: Question) => Promise<Reply>
  readonly sample: (count: number) => Promise<readonly Reply[]>
}

/** Applies the rules for a host of their own. @returns how to ask for it, once both ways know it */
export async function serveRules(
  mesh: EchoMesh,
  name: string,
  http: readonly string[],
): Promise<readonly [ServedWay, ServedWay]> {
  const host = `${name}.test`
  await mesh.apply(virtualService({ name, http: [READY, ...http] }))
  const [gateway, sidecar] = waysOf(mesh)
  for (const way of [gateway, sidecar]) {
    await untilServed(`${name} at the ${way.name}`, () => way.ask('/ready', { host }), isReady)
  }
  const served = (way: Way): ServedWay => ({
    way: way.name,
    ask: (path, question = {}) => way.ask(path, { host, ...question }),
    sample: (count) => way.sample('/', host, count),
  })
  return [served(gateway), served(sidecar)]
}

/** Begins every list of rules, so that tests know when they are in force. */
const READY = '{ match: [{ uri: { exact: /ready } }], directResponse: { status: 299 } }'
const isReady = (reply: Reply) => reply.status === 299
