/**
 * Makes `dist`, what the published package runs: Node refuses to strip types under node_modules. `src` becomes `dist`
 * itself, the demo's programs `dist/samples/demo` with their web pages and a table of images whose commands are JavaScript.
 *   npm run build
 */
import { cpSync, globSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY, run, step } from './run.ts'

const DIST = join(REPOSITORY, 'dist')
/** Where tsconfig.build.json lets the compiler write; the demo imports nothing of src, so the two can be moved apart. */
const EMITTED = join(DIST, '.emitted')
const DEMO = 'samples/demo'
const DEMO_ASSETS = ['frontend/web'] as const

await step('protobuf types', () => run(process.execPath, ['scripts/generate-proto.ts']))
rmSync(DIST, { recursive: true, force: true })
await step('compile', () => run('tsc', ['-p', 'tsconfig.build.json']))
await step('lay out', layOut)

function layOut(): number {
  for (const name of readdirSync(join(EMITTED, 'src')))
    renameSync(join(EMITTED, 'src', name), join(DIST, name))
  renameSync(join(EMITTED, 'samples'), join(DIST, 'samples'))
  rmSync(EMITTED, { recursive: true })
  for (const asset of DEMO_ASSETS) {
    cpSync(join(REPOSITORY, DEMO, asset), join(DIST, DEMO, asset), { recursive: true })
  }
  const images = readFileSync(join(REPOSITORY, DEMO, 'images.json'), 'utf8')
  writeFileSync(join(DIST, DEMO, 'images.json'), images.replaceAll('.ts"', '.js"'))
  const left = modulesLeftBehind()
  for (const line of left) console.error(line)
  return left.length === 0 ? 0 : 1
}

/** The compiler rewrites imports; the address of a worker thread's module is a plain string to it. */
function modulesLeftBehind(): readonly string[] {
  return globSync('**/*.js', { cwd: DIST }).flatMap((file) => {
    const code = readFileSync(join(DIST, file), 'utf8')
    return [...code.matchAll(/new URL\(\s*(['"`])(\.[^'"`]*\.ts)\1/g)].map(
      (match) =>
        `dist/${file} names ${match[2]}, which is not in the package; take the suffix from import.meta.filename`,
    )
  })
}
