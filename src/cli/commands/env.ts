import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { stateOf } from '../cluster.ts'
import { PACKAGE_ROOT } from '../environment.ts'
import type { CommandCall } from '../command-call.ts'
import { bundledKubectl, ownKubectl } from '../demo/kubectl.ts'

const LATEEN = join(PACKAGE_ROOT, 'bin/lateen')

/** Prints shell lines; with --istioctl the command answers to that name as well. Who has no kubectl gets the bundled one. */
export async function run(call: CommandCall): Promise<void> {
  const state = stateOf(call)
  const folder = join(state.root, 'bin')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  link(join(folder, 'lateen'), LATEEN)
  if (call.options['istioctl'] === true) link(join(folder, 'istioctl'), LATEEN)
  link(join(folder, 'kubectl'), ownKubectl(folder) === undefined ? bundledKubectl() : undefined)
  console.log(`export KUBECONFIG=${quote(state.kubeconfig)}`)
  console.log(`export LATEEN_STATE=${quote(state.root)}`)
  console.log(`export PATH=${quote(folder)}:"$PATH"`)
}

function link(path: string, target: string | undefined): void {
  rmSync(path, { force: true })
  if (target !== undefined) symlinkSync(target, path)
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
