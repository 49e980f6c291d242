import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { readJsonIfExists, writeFileAtomic } from './files.ts'

/** What an image stands for on this node. */
export type ImageProgram =
  | {
      readonly kind: 'command'
      /** The entry point: a container's `command` replaces it, its `args` follow it. */
      readonly command: readonly string[]
      /** Arguments where the container has neither `command` nor `args`. */
      readonly args?: readonly string[]
      readonly workingDir?: string
      readonly env?: Readonly<Record<string, string>>
      /** Files of this machine that the image has in places of its own. */
      readonly files?: readonly ImageFile[]
    }
  /** The machine's own programs: the container's command, or a shell. */
  | { readonly kind: 'shell' }
  /** One of the machine's own programs, which a package of the machine brings. */
  | {
      readonly kind: 'machine'
      readonly program: string
      /** Where the container has neither `command` nor `args`. */
      readonly args: readonly string[]
      readonly debianPackage: string
      /** An option that the image's build has made a default, and its value. */
      readonly always?: readonly string[]
      readonly workingDir?: string
      /** What the image has in places where the machine has nothing, or something else. */
      readonly files?: readonly ImageFile[]
    }
  /** Runs inside the node proxy. */
  | { readonly kind: 'hosted' }
  /** The traffic capture of the pod (istio-init): the container's arguments are istio-iptables'. */
  | { readonly kind: 'capture' }
  /** Does nothing until it is stopped. */
  | { readonly kind: 'pause' }

/** A file of an image: what is in it, or which file (or directory) of this machine stands for it. */
export type ImageFile =
  | { readonly path: string; readonly content: string }
  | { readonly path: string; readonly hostPath: string }

export interface ImageEntry {
  /** Such as `ghcr.io/me/app:*`, `redis`, `docker.io/library/redis:7`; without a tag it stands for every tag. */
  readonly pattern: string
  readonly program: ImageProgram
}

/** Written by the command line, read by the node agent. */
interface ImageTable {
  readonly images: readonly ImageEntry[]
}

/** @returns the user's table, in the order of the file. @throws when the file is not what it should be */
export function listImageMappings(file: string): readonly ImageEntry[] {
  if (!existsSync(file)) return []
  const value = readJsonIfExists(file) as Partial<ImageTable> | undefined
  if (!Array.isArray(value?.images)) {
    throw new Error(
      `${file} is not an image table: repair it or delete it, then run "lateen image map" again`,
    )
  }
  return value.images as readonly ImageEntry[]
}

/** Adds the mapping, or replaces the one of the same pattern. */
export function addImageMapping(file: string, entry: ImageEntry): void {
  const others = listImageMappings(file).filter((other) => other.pattern !== entry.pattern)
  writeTable(file, [...others, entry])
}

/** @returns whether there was such a mapping */
export function removeImageMapping(file: string, pattern: string): boolean {
  const before = listImageMappings(file)
  const rest = before.filter((entry) => entry.pattern !== pattern)
  if (rest.length === before.length) return false
  writeTable(file, rest)
  return true
}

function writeTable(file: string, images: readonly ImageEntry[]): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileAtomic(file, `${JSON.stringify({ images } satisfies ImageTable, undefined, 2)}\n`)
}

/** The most specific pattern wins (fewest wild cards, then longest); the later entry among equals. */
export function findProgram(entries: readonly ImageEntry[], image: string): ImageProgram | undefined {
  const name = normalizeImage(image)
  let best: { readonly entry: ImageEntry; readonly rank: number } | undefined
  for (const entry of entries) {
    if (!patternMatches(entry.pattern, name)) continue
    const wildcards = entry.pattern.split('*').length - 1
    const rank = entry.pattern.length - wildcards * 1000
    if (best === undefined || rank >= best.rank) best = { entry, rank }
  }
  return best?.entry.program
}

/** @returns what is wrong with a reference to an image, in the kubelet's words */
export function invalidReference(image: string): string | undefined {
  const { repository, tag } = normalizeImage(image)
  const path = repository.slice(repository.indexOf('/') + 1)
  const isDigest = image.includes('@')
  const isWell =
    image !== '' &&
    path.split('/').every((part) => /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/.test(part)) &&
    (isDigest ? /^[a-z0-9]+:[0-9a-f]{32,}$/.test(tag) : /^\w[\w.-]{0,127}$/.test(tag))
  if (isWell) return undefined
  const why = path.toLowerCase() !== path ? `repository name (${path}) must be lowercase` : undefined
  const reason = ['invalid reference format', ...(why === undefined ? [] : [why])].join(': ')
  return `Failed to apply default image tag "${image}": couldn't parse image name "${image}": ${reason}`
}

/** The registry, repository and tag or digest that a reference means: `redis` is `docker.io/library/redis:latest`. */
function normalizeImage(image: string): { readonly repository: string; readonly tag: string } {
  const at = image.indexOf('@')
  const named = at < 0 ? image : image.slice(0, at)
  const colon = named.lastIndexOf(':')
  const tagged = colon > named.lastIndexOf('/')
  const path = tagged ? named.slice(0, colon) : named
  const tag = at >= 0 ? image.slice(at + 1) : tagged ? named.slice(colon + 1) : 'latest'
  return { repository: fullRepository(path), tag }
}

/** Docker's rule: the first part is a registry when it has a dot or a port, or is localhost. */
function fullRepository(path: string): string {
  const slash = path.indexOf('/')
  if (slash < 0) return path.includes('*') ? path : `docker.io/library/${path}`
  const first = path.slice(0, slash)
  const isRegistry =
    first.includes('.') || first.includes(':') || first.includes('*') || first === 'localhost'
  return isRegistry ? path : `docker.io/${path}`
}

function patternMatches(
  pattern: string,
  name: { readonly repository: string; readonly tag: string },
): boolean {
  if (pattern === '*') return true
  const wanted = normalizeImage(pattern)
  const anyTag = !/[:@]/.test(pattern.slice(pattern.lastIndexOf('/') + 1))
  return globMatches(wanted.repository, name.repository) && (anyTag || globMatches(wanted.tag, name.tag))
}

/** `*` stands for any characters, slashes included. */
function globMatches(glob: string, text: string): boolean {
  const [head = '', ...rest] = glob.split('*')
  if (rest.length === 0) return glob === text
  if (!text.startsWith(head)) return false
  let position = head.length
  const tail = rest.pop() ?? ''
  for (const part of rest) {
    const found = text.indexOf(part, position)
    if (found < 0) return false
    position = found + part.length
  }
  return text.length - position >= tail.length && text.endsWith(tail)
}
