import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { createStateDirectory } from '../../local-cluster/index.ts'
import {
  addImageMapping,
  type ImageFile,
  type ImageProgram,
  listImageMappings,
  removeImageMapping,
} from '../../local-cluster/node/index.ts'
import { stateOf } from '../cluster.ts'
import { builtInImages } from '../composition/images.ts'
import { CliError, ExitCode } from '../exit.ts'
import type { CommandCall } from '../command-call.ts'

const USAGE =
  'image map PATTERN [--env NAME=VALUE] [--file PATH=FILE] [--working-dir PATH] -- COMMAND…   image list   image unmap PATTERN'

export async function run(call: CommandCall): Promise<void> {
  const state = stateOf(call)
  const [action, pattern, ...rest] = call.positional
  switch (action) {
    case 'map': {
      const command = rest[0] === '--' ? rest.slice(1) : rest
      if (pattern === undefined || command.length === 0) throw new CliError(`usage: ${USAGE}`, ExitCode.usage)
      createStateDirectory(state)
      addImageMapping(state.images, { pattern, program: programOf(call, command) })
      console.log(`${pattern} runs ${command.join(' ')}`)
      return
    }
    case 'unmap': {
      if (pattern === undefined) throw new CliError(`usage: ${USAGE}`, ExitCode.usage)
      if (!removeImageMapping(state.images, pattern))
        throw new CliError(`no program was mapped to ${pattern}; \`lateen image list\` shows what is`)
      console.log(`${pattern} is mapped no more`)
      return
    }
    case 'list': {
      for (const entry of [...listImageMappings(state.images), ...builtInImages()]) {
        const { program } = entry
        console.log(
          `${entry.pattern.padEnd(48)} ${program.kind === 'command' ? program.command.join(' ') : `(${program.kind})`}`,
        )
      }
      return
    }
    default:
      throw new CliError(`usage: ${USAGE}`, ExitCode.usage)
  }
}

function programOf({ options }: CommandCall, command: readonly string[]): ImageProgram {
  const env = pairs('--env', options['env'])
  const files = pairs('--file', options['file']).map(([path, file]) => imageFile(path, file))
  const workingDir = options['workingDir']
  return {
    kind: 'command',
    command,
    ...(env.length > 0 ? { env: Object.fromEntries(env) } : {}),
    ...(files.length > 0 ? { files } : {}),
    ...(typeof workingDir === 'string' ? { workingDir } : {}),
  }
}

/** The machine's file under its full name: the node starts containers from elsewhere. */
function imageFile(path: string, file: string): ImageFile {
  if (!path.startsWith('/')) {
    throw new CliError(`--file ${path}=${file}: the path in the image must begin with /`, ExitCode.usage)
  }
  const hostPath = resolve(file)
  if (!existsSync(hostPath)) throw new CliError(`--file ${path}=${file}: there is no ${hostPath}`)
  return { path, hostPath }
}

function pairs(option: string, words: unknown): readonly (readonly [string, string])[] {
  return (words as readonly string[]).map((word) => {
    const equals = word.indexOf('=')
    if (equals < 1) throw new CliError(`${option} ${word}: write ${option} NAME=VALUE`, ExitCode.usage)
    return [word.slice(0, equals), word.slice(equals + 1)]
  })
}
