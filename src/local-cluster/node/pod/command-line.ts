import { existsSync, realpathSync } from 'node:fs'
import { hasProgram } from '../debian-packages.ts'
import type { ImageProgram } from '../images.ts'
import type { BindMount } from '../runtime/root-filesystem.ts'

/** A container that does nothing but end when it is told to. */
export const PAUSE = ['/bin/sh', '-c', 'trap "exit 0" TERM INT; while :; do sleep 3600 & wait $!; done']

/** What a container's `command` and `args` mean with its image. @param path where programs are looked for */
export function commandLine(
  program: Extract<ImageProgram, { readonly kind: 'command' | 'shell' | 'machine' | 'pause' }>,
  {
    command,
    args,
    path,
  }: {
    readonly command: readonly string[]
    readonly args: readonly string[] | undefined
    readonly path: string
  },
): readonly string[] {
  if (command.length > 0) {
    const words = [...command, ...(args ?? [])]
    if (program.kind === 'machine' && command[0] === program.program)
      return [...words, ...always(program, words)]
    return program.kind === 'shell' || program.kind === 'machine' ? withShell(words) : words
  }
  switch (program.kind) {
    case 'command':
      return [...program.command, ...(args ?? program.args ?? [])]
    case 'machine':
      return machineCommand(program, args ?? [], path)
    case 'shell':
      return withShell(args ?? ['/bin/sh'])
    case 'pause':
      return PAUSE
  }
}

type MachineProgram = Extract<ImageProgram, { readonly kind: 'machine' }>

/** The images' entry points take options and files for their own program, and any other program in its place: `docker run node sh`. */
function machineCommand(program: MachineProgram, args: readonly string[], path: string): readonly string[] {
  const [first] = args
  if (first === undefined) return [program.program, ...program.args, ...always(program, [])]
  if (first === program.program) return [...args, ...always(program, args)]
  const isProgram = first.startsWith('/')
    ? existsSync(first) && !first.includes('.')
    : hasProgram(path, first)
  if (!first.startsWith('-') && isProgram) return withShell(args)
  return [program.program, ...args, ...always(program, args)]
}

/** What the image's build has changed in the program's own defaults, unless it is said otherwise. */
function always({ always: words = [] }: MachineProgram, args: readonly string[]): readonly string[] {
  const [option] = words
  return option === undefined || args.includes(option) ? [] : words
}

/** Scripts for busybox's shell use `pipefail` and `function`, which Debian's sh has not and bash has. */
function withShell(command: readonly string[]): readonly string[] {
  const [program, ...rest] = command
  const isShell = program === 'sh' || program === '/bin/sh' || program === 'ash' || program === '/bin/ash'
  return isShell && existsSync('/bin/bash') ? ['/bin/bash', ...rest] : command
}

/**
 * The same for scripts that begin with `#!/bin/sh`, and for shells within shells: in the container's view bash stands in the
 * place of the machine's sh.
 */
export function shellMounts({ kind }: ImageProgram): readonly BindMount[] {
  const isGeneral = kind === 'shell' || kind === 'machine'
  if (!isGeneral || !existsSync('/bin/bash') || realpathSync('/bin/bash') === realpathSync('/bin/sh'))
    return []
  return [{ hostPath: '/bin/bash', mountPath: '/bin/sh', readOnly: true }]
}
