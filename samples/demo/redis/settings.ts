export type Settings =
  | { readonly kind: 'refused'; readonly reason: string }
  | {
      readonly kind: 'accepted'
      /** Undefined lets everybody in. */
      readonly password: string | undefined
      /** In capitals. */
      readonly disabled: readonly string[]
    }

export type AcceptedSettings = Extract<Settings, { readonly kind: 'accepted' }>

/** Reads the variables by which the image `docker.io/bitnami/redis` is set up. */
export function parseSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const password = env['REDIS_PASSWORD'] || undefined
  if (password === undefined && env['ALLOW_EMPTY_PASSWORD']?.toLowerCase() !== 'yes') {
    return {
      kind: 'refused',
      reason: 'no password is set: set REDIS_PASSWORD, or ALLOW_EMPTY_PASSWORD=yes to let everybody in',
    }
  }
  const names = (env['REDIS_DISABLE_COMMANDS'] ?? '').split(',').map((name) => name.trim().toUpperCase())
  return { kind: 'accepted', password, disabled: names.filter((name) => name !== '') }
}

/** The command line of the real server: nothing kept on disk, every address, the disabled commands renamed away. */
export function realServerArguments(
  settings: AcceptedSettings,
  listen: { readonly port: number; readonly hosts: readonly string[] },
): readonly string[] {
  const secret = settings.password === undefined ? [] : ['--requirepass', settings.password]
  const options: readonly (readonly string[])[] = [
    ['--port', String(listen.port)],
    ['--bind', ...listen.hosts],
    ['--protected-mode', 'no'],
    ['--save', ''],
    ['--appendonly', 'no'],
    secret,
    ...settings.disabled.map((name) => ['--rename-command', name, '']),
  ]
  return options.flat()
}
