import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { GENERAL_PURPOSE_IMAGES, type ImageEntry } from '../../local-cluster/node/index.ts'
import { PACKAGE_ROOT, selfCommand } from '../environment.ts'

/** In the published package the built programs lie beside the built sources: Node strips no types under node_modules. */
const BUILT_DEMO = join(import.meta.dirname, '../../samples/demo')
const DEMO = existsSync(join(BUILT_DEMO, 'images.json')) ? BUILT_DEMO : join(PACKAGE_ROOT, 'samples/demo')

/** The images that every cluster knows: the mesh's own, the demo's, and general-purpose ones. */
export function builtInImages(): readonly ImageEntry[] {
  return [...GENERAL_PURPOSE_IMAGES, ...meshImages(), ...demoImages()]
}

function meshImages(): readonly ImageEntry[] {
  // Measured: a young generation of 2 MB takes a third off its memory and costs it nothing that shows.
  const istiod = selfCommand(['istiod'], ['--max-semi-space-size=2'])
  return [
    {
      pattern: 'docker.io/istio/pilot',
      program: { kind: 'command', command: [istiod.command, ...istiod.args] },
    },
    { pattern: 'docker.io/istio/proxyv2', program: { kind: 'hosted' } },
  ]
}

interface DemoImage {
  readonly image: string
  readonly command: readonly string[]
}

/** The demo's own table, with its paths made absolute and `node` made the pinned one. */
function demoImages(): readonly ImageEntry[] {
  const table = JSON.parse(readFileSync(join(DEMO, 'images.json'), 'utf8')) as readonly DemoImage[]
  return table.map(({ image, command: [program, ...args] }) => ({
    pattern: image,
    program: {
      kind: 'command',
      command: [
        ...(program === 'node'
          ? [process.execPath, '--disable-warning=ExperimentalWarning']
          : [program ?? '']),
        ...args.map((argument) => (/\.[jt]s$/.test(argument) ? join(DEMO, argument) : argument)),
      ],
    },
  }))
}
