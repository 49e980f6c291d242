import { LOG_LEVELS, type LogLevel } from '../../base/index.ts'
import { text } from './answers.ts'
import type { AdminAnswer, AdminContext, AdminRequest } from './types.ts'

/** Envoy's names of levels, where they are not ours. */
const LEVELS: Readonly<Record<string, LogLevel>> = {
  ...Object.fromEntries(LOG_LEVELS.map((level) => [level, level])),
  trace: 'debug',
  warning: 'warn',
  critical: 'error',
  off: 'none',
}

/** The proxy has one logger, whose parts share their level. */
const LOGGER = 'proxy'

const USAGE = `
usage: /logging?${LOGGER}=<level> (change single level)
usage: /logging?paths=${LOGGER}:<level> (change single level)
usage: /logging?level=<level> (change all levels)
levels: ${Object.keys(LEVELS).join(' ')}
`

export function logging({ query }: AdminRequest, { logger }: AdminContext): AdminAnswer {
  const active = () => `active loggers:\n  ${LOGGER}: ${logger.level()}\n\n`
  const refused = (what: string) => text(`error: ${what}\n${USAGE}${active()}`, 400)
  const wanted = [...query].flatMap(([name, value]): Wanted[] =>
    name === 'paths' ? value.split(',').map(splitPair) : [{ name, level: value }],
  )
  for (const { name } of wanted) {
    if (name !== 'level' && name !== LOGGER) return refused('unknown logger name')
  }
  const levels = wanted.map(({ level }) => LEVELS[level])
  if (levels.includes(undefined)) return refused('unknown logger level')
  const last = levels.at(-1)
  if (last !== undefined) logger.setLevel(last)
  return text(active())
}

interface Wanted {
  readonly name: string
  readonly level: string
}

function splitPair(pair: string): Wanted {
  const [name = '', level = ''] = pair.split(':')
  return { name, level }
}
