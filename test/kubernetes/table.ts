/** The language in which the table is written. */

export interface KubectlStep {
  readonly kind: 'kubectl'
  readonly name: string
  readonly line: string
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  readonly normalise: readonly Normaliser[]
}

export interface HttpStep {
  readonly kind: 'http'
  readonly name: string
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly normalise: readonly Normaliser[]
}

/** A kubectl that keeps running; it is ended when it has said `lines` lines, or at a deadline. */
export interface WatchStep {
  readonly kind: 'watch'
  readonly name: string
  readonly line: string
  readonly lines: number
  /** what happens while it watches, after its first line unless `atOnce` */
  readonly during: readonly (KubectlStep | HttpStep)[]
  readonly atOnce: boolean
  readonly normalise: readonly Normaliser[]
}

export type Step = KubectlStep | HttpStep | WatchStep
export type Normaliser = (text: string) => string

/** Steps of one namespace, whose name is the group's. They build on each other. */
export interface Group {
  readonly name: string
  readonly steps: readonly Step[]
}

interface Options {
  readonly name?: string
  readonly env?: Readonly<Record<string, string>>
  readonly normalise?: readonly Normaliser[]
}

/** A kubectl command line; its name is the line itself. `{ns}` is the group's namespace. */
export function k(line: string, input?: string, options: Options = {}): KubectlStep {
  return {
    kind: 'kubectl',
    name: options.name ?? line,
    line,
    normalise: options.normalise ?? [],
    ...(input === undefined ? {} : { input }),
    ...(options.env ? { env: options.env } : {}),
  }
}

/** The same line with each of the inputs, told apart by their names. */
export function each(line: string, inputs: Readonly<Record<string, string>>): readonly KubectlStep[] {
  return Object.entries(inputs).map(([name, input]) => k(line, input, { name: `${line}: ${name}` }))
}

/** A kubectl line whose editor is the given command. */
export function edit(line: string, editor: string, options: Options = {}): KubectlStep {
  return k(line, undefined, { name: `${line} with ${editor}`, ...options, env: { KUBE_EDITOR: editor } })
}

/** As a header of a step: it comes without the administrator's certificate. It is not sent. */
export const ANONYMOUS = 'x-anonymous'

interface HttpOptions extends Options {
  readonly headers?: Readonly<Record<string, string>>
  /** a string goes as it is, anything else as JSON */
  readonly body?: unknown
  /** the media type of the body; JSON where nothing else is said */
  readonly type?: string
}

export function http(method: string, path: string, options: HttpOptions = {}): HttpStep {
  const body = options.body
  return {
    kind: 'http',
    name: options.name ?? `${method} ${path}`,
    method,
    path,
    headers: {
      ...(body === undefined ? {} : { 'content-type': options.type ?? 'application/json' }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    normalise: options.normalise ?? [],
  }
}

interface WatchOptions extends Options {
  readonly lines: number
  readonly during?: readonly (KubectlStep | HttpStep)[]
  readonly atOnce?: boolean
}

export function watch(line: string, options: WatchOptions): WatchStep {
  return {
    kind: 'watch',
    name: options.name ?? line,
    line,
    lines: options.lines,
    during: options.during ?? [],
    atOnce: options.atOnce ?? false,
    normalise: options.normalise ?? [],
  }
}

export function group(name: string, steps: readonly (Step | readonly Step[])[]): Group {
  return { name, steps: steps.flat() }
}
