import { createStateDirectory } from '../../local-cluster/index.ts'
import { addImageMapping, listImageMappings, removeImageMapping } from '../../local-cluster/node/index.ts'
import { stateOf } from '../cluster.ts'
import { builtInImages } from '../composition/images.ts'
import { CliError, ExitCode } from '../exit.ts'
import type { CommandCall } from '../command-call.ts'

const USAGE = 'image map PATTERN -- COMMAND…   image list   image unmap PATTERN'

export async function run(call: CommandCall): Promise<void> {
  const state = stateOf(call)
  const [action, pattern, ...rest] = call.positional
  switch (action) {
    case 'map': {
      const command = rest[0] === '--' ? rest.slice(1) : rest
      if (pattern === undefined || command.length === 0) throw new CliError(`usage: ${USAGE}`, ExitCode.usage)
      createStateDirectory(state)
      addImageMapping(state.images, { pattern, program: { kind: 'command', command } })
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
