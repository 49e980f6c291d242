import type { Database } from './database.ts'
import { matchesGlob } from './glob.ts'
import { NIL, OK, array, bulk, error, integer } from './reply.ts'
import type { Reply } from './reply.ts'

/** What one connection may do and has chosen. */
export interface Session {
  readonly id: number
  readonly databases: readonly Database[]
  readonly password: string | undefined
  database: number
  name: string
  isAuthenticated: boolean
  isLeaving: boolean
}

/** @param args what follows the command's name */
type Run = (session: Session, args: readonly Buffer[]) => Reply

interface Spec {
  /** As COMMAND tells it: the words with the command's name, negative when more may follow. */
  readonly arity: number
  readonly keys: 'first' | 'all' | 'none'
  readonly isWrite?: boolean
  readonly beforeAuth?: boolean
  readonly run: Run
}

export type Commands = ReadonlyMap<string, Spec>

const SYNTAX = error('ERR syntax error')
const OUT_OF_MEMORY = error("OOM command not allowed when used memory > 'maxmemory'.")
const ECHOED_ARGUMENT_MAX = 128

/** Every command of the server by its name in capitals, without the disabled ones. */
export function createCommands(disabled: readonly string[]): Commands {
  const all: Readonly<Record<string, Spec>> = {
    PING: { arity: -1, keys: 'none', run: ping },
    ECHO: { arity: 2, keys: 'none', run: (_session, [text]) => ({ kind: 'bulk', value: text }) },
    GET: {
      arity: 2,
      keys: 'first',
      run: (session, [key]) => ({ kind: 'bulk', value: current(session).get(text(key)) }),
    },
    SET: { arity: -3, keys: 'first', isWrite: true, run: set },
    DEL: { arity: -2, keys: 'all', isWrite: true, run: countOver((database, key) => database.delete(key)) },
    EXISTS: { arity: -2, keys: 'all', run: countOver((database, key) => database.get(key) !== undefined) },
    KEYS: { arity: 2, keys: 'none', run: keys },
    SCAN: { arity: -2, keys: 'none', run: scan },
    DBSIZE: { arity: 1, keys: 'none', run: (session) => integer(current(session).size()) },
    FLUSHDB: { arity: -1, keys: 'none', isWrite: true, run: flush((session) => [current(session)]) },
    FLUSHALL: { arity: -1, keys: 'none', isWrite: true, run: flush((session) => session.databases) },
    SELECT: { arity: 2, keys: 'none', run: select },
    AUTH: { arity: -2, keys: 'none', beforeAuth: true, run: auth },
    HELLO: { arity: -1, keys: 'none', beforeAuth: true, run: hello },
    CLIENT: { arity: -2, keys: 'none', run: client },
    COMMAND: { arity: -1, keys: 'none', run: (_session, args) => describeCommands(commands, args) },
    QUIT: { arity: -1, keys: 'none', beforeAuth: true, run: quit },
  }
  const commands: Commands = new Map(Object.entries(all).filter(([name]) => !disabled.includes(name)))
  return commands
}

/** Runs one command for a connection. Never throws on what a client may send. */
export function runCommand(commands: Commands, session: Session, command: readonly Buffer[]): Reply {
  const [name, ...args] = command
  const spec = commands.get(text(name).toUpperCase())
  if (spec === undefined) return unknownCommand(text(name), args)
  if (!isArityMet(spec.arity, command.length)) {
    return error(`ERR wrong number of arguments for '${text(name).toLowerCase()}' command`)
  }
  if (!session.isAuthenticated && spec.beforeAuth !== true) return error('NOAUTH Authentication required.')
  return spec.run(session, args)
}

function text(bytes: Buffer | undefined): string {
  return bytes?.toString('latin1') ?? ''
}

function current(session: Session): Database {
  const database = session.databases[session.database]
  if (database === undefined) throw new Error(`database ${session.database} was selected, yet there is none`)
  return database
}

function isArityMet(arity: number, words: number): boolean {
  return arity < 0 ? words >= -arity : words === arity
}

function unknownCommand(name: string, args: readonly Buffer[]): Reply {
  const quoted = args.map((arg) => `'${text(arg).slice(0, ECHOED_ARGUMENT_MAX)}' `)
  const list = quoted.join('').slice(0, ECHOED_ARGUMENT_MAX)
  return error(
    `ERR unknown command '${name.slice(0, ECHOED_ARGUMENT_MAX)}', with args beginning with: ${list}`,
  )
}

function ping(_session: Session, args: readonly Buffer[]): Reply {
  if (args.length > 1) return error("ERR wrong number of arguments for 'ping' command")
  return args.length === 0 ? { kind: 'simple', text: 'PONG' } : { kind: 'bulk', value: args[0] }
}

/** SET key value [NX | XX] [GET]. Nothing here expires, so KEEPTTL changes nothing and other options are refused. */
function set(session: Session, [key, value, ...options]: readonly Buffer[]): Reply {
  const given = new Set(options.map((option) => text(option).toUpperCase()))
  const isKnown = [...given].every((option) => ['NX', 'XX', 'GET', 'KEEPTTL'].includes(option))
  if (value === undefined || !isKnown || (given.has('NX') && given.has('XX'))) return SYNTAX
  const database = current(session)
  const old = database.get(text(key))
  const answer = (otherwise: Reply): Reply => (given.has('GET') ? { kind: 'bulk', value: old } : otherwise)
  if (given.has('NX') ? old !== undefined : given.has('XX') && old === undefined) return answer(NIL)
  return database.set(text(key), value) ? answer(OK) : OUT_OF_MEMORY
}

function countOver(act: (database: Database, key: string) => boolean): Run {
  return (session, args) => integer(args.filter((key) => act(current(session), text(key))).length)
}

function keys(session: Session, [pattern]: readonly Buffer[]): Reply {
  const found = [...current(session).keys()].filter((key) => matchesGlob(text(pattern), key))
  return array(found.map(bulk))
}

function scan(session: Session, [cursor, ...options]: readonly Buffer[]): Reply {
  if (!/^\d{1,15}$/.test(text(cursor))) return error('ERR invalid cursor')
  let [pattern, count, type] = ['*', 10, 'string']
  for (let index = 0; index < options.length; index += 2) {
    const [name, value] = [text(options[index]).toUpperCase(), text(options[index + 1])]
    if (options[index + 1] === undefined) return SYNTAX
    if (name === 'MATCH') pattern = value
    else if (name === 'TYPE') type = value.toLowerCase()
    else if (name !== 'COUNT') return SYNTAX
    else if (!/^\d{1,9}$/.test(value)) return error('ERR value is not an integer or out of range')
    else count = Number(value)
  }
  if (count < 1) return SYNTAX
  const page = current(session).scan(Number(text(cursor)), count)
  const found = page.keys.filter((key) => type === 'string' && matchesGlob(pattern, key))
  return array([bulk(String(page.next)), array(found.map(bulk))])
}

function flush(databasesOf: (session: Session) => readonly Database[]): Run {
  return (session, args) => {
    const isKnown = args.length === 0 || (args.length === 1 && /^(?:a?sync)$/i.test(text(args[0])))
    if (!isKnown) return SYNTAX
    for (const database of databasesOf(session)) database.clear()
    return OK
  }
}

function select(session: Session, [index]: readonly Buffer[]): Reply {
  if (!/^-?\d{1,9}$/.test(text(index))) return error('ERR value is not an integer or out of range')
  const chosen = Number(text(index))
  if (session.databases[chosen] === undefined) return error('ERR DB index is out of range')
  session.database = chosen
  return OK
}

/** AUTH password, or AUTH user password, where `default` is the one user there is. */
function auth(session: Session, args: readonly Buffer[]): Reply {
  if (args.length > 2) return SYNTAX
  if (session.password === undefined && args.length === 1) {
    return error(
      'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
    )
  }
  const user = args.length === 2 ? text(args[0]) : 'default'
  const isRight = session.password === undefined || args.at(-1)?.toString() === session.password
  if (user !== 'default' || !isRight)
    return error('WRONGPASS invalid username-password pair or user is disabled.')
  session.isAuthenticated = true
  return OK
}

/** HELLO [2 [AUTH user password] [SETNAME name]]. Version 3 is refused, by which clients know to stay with 2. */
function hello(session: Session, [version, ...options]: readonly Buffer[]): Reply {
  if (version !== undefined && text(version) !== '2') return error('NOPROTO unsupported protocol version')
  for (let index = 0; index < options.length;) {
    const option = text(options[index]).toUpperCase()
    const values = options.slice(index + 1, index + (option === 'AUTH' ? 3 : 2))
    if (option === 'AUTH' && values.length === 2) {
      const reply = auth(session, values)
      if (reply.kind === 'error') return reply
    } else if (option === 'SETNAME' && values.length === 1) {
      session.name = text(values[0])
    } else {
      return error(`ERR Syntax error in HELLO option '${text(options[index]).toLowerCase()}'`)
    }
    index += 1 + values.length
  }
  if (!session.isAuthenticated) {
    return error(
      'NOAUTH HELLO must be called with the client already authenticated, or with AUTH <user> <password>',
    )
  }
  const fields: readonly (readonly [string, Reply])[] = [
    ['server', bulk('redis')],
    ['version', bulk('7.0.0')],
    ['proto', integer(2)],
    ['id', integer(session.id)],
    ['mode', bulk('standalone')],
    ['role', bulk('master')],
    ['modules', array([])],
  ]
  return array(fields.flatMap(([name, value]) => [bulk(name), value]))
}

function client(session: Session, [subcommand, ...args]: readonly Buffer[]): Reply {
  const line = `id=${session.id} name=${session.name} db=${session.database} resp=2\n`
  switch (text(subcommand).toUpperCase()) {
    case 'SETNAME':
      if (/[^!-~]/.test(text(args[0])))
        return error('ERR Client names cannot contain spaces, newlines or special characters.')
      session.name = text(args[0])
      return OK
    case 'GETNAME':
      return session.name === '' ? NIL : bulk(session.name)
    case 'ID':
      return integer(session.id)
    case 'INFO':
    case 'LIST':
      return bulk(line)
    case 'SETINFO':
    case 'NO-EVICT':
    case 'NO-TOUCH':
      return OK
    default:
      return error(
        `ERR unknown subcommand '${text(subcommand).slice(0, ECHOED_ARGUMENT_MAX)}'. Try CLIENT HELP.`,
      )
  }
}

function quit(session: Session): Reply {
  session.isLeaving = true
  return OK
}

function describeCommands(commands: Commands, [subcommand, ...args]: readonly Buffer[]): Reply {
  const names = [...commands.keys()]
  const describe = (name: string): Reply => {
    const spec = commands.get(name.toUpperCase())
    return spec === undefined ? NIL : describeCommand(name.toLowerCase(), spec)
  }
  switch (text(subcommand).toUpperCase()) {
    case '':
      return array(names.map(describe))
    case 'COUNT':
      return integer(names.length)
    case 'LIST':
      return array(names.map((name) => bulk(name.toLowerCase())))
    case 'INFO':
      return array((args.length === 0 ? names : args.map(text)).map(describe))
    case 'DOCS':
      return array([])
    default:
      return error(
        `ERR unknown subcommand '${text(subcommand).slice(0, ECHOED_ARGUMENT_MAX)}'. Try COMMAND HELP.`,
      )
  }
}

/** Name, arity, flags, then first key, last key and step, as clients read them to find the keys of a command. */
function describeCommand(name: string, spec: Spec): Reply {
  const flags = [spec.isWrite === true ? 'write' : 'readonly', 'fast']
  const [first, last, step] = { first: [1, 1, 1], all: [1, -1, 1], none: [0, 0, 0] }[spec.keys]
  return array([
    bulk(name),
    integer(spec.arity),
    array(flags.map((flag): Reply => ({ kind: 'simple', text: flag }))),
    ...[first, last, step].map((place) => integer(place ?? 0)),
  ])
}
