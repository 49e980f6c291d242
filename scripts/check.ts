/** What must hold before every commit: format, types, lint, architecture rules and unit tests. */
import { run, step } from './run.ts'
import { setup } from './setup.ts'

if (!process.argv.includes('--no-setup')) await step('set-up', () => setup({ tests: true }))
await step('format', () => run('oxfmt', ['--check', 'src', 'test', 'scripts', 'samples', 'bench', 'fuzz']))
await step('types', () => run('tsc', ['-p', 'tsconfig.json']))
await step('lint', () =>
  run('oxlint', ['--type-aware', '--quiet', 'src', 'test', 'scripts', 'samples', 'bench', 'fuzz']),
)
await step('unit tests', () => run(process.execPath, ['scripts/test.ts', '--unit']))
