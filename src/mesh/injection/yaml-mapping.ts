import { parse } from 'yaml'

/** Reads a YAML mapping from an annotation or ConfigMap. @throws Error when the text is no YAML mapping */
export function parseMapping(text: string): Readonly<Record<string, unknown>> {
  const parsed: unknown = parse(text, { maxAliasCount: 0 })
  if (parsed === null || parsed === undefined) return {}
  if (typeof parsed !== 'object' || Array.isArray(parsed)) throw new Error('must be a YAML mapping')
  return parsed as Readonly<Record<string, unknown>>
}

/** ProxyConfig of one pod's proxy, over the mesh's. @throws when the annotation is no YAML of it */
export function annotatedProxyConfig(metadata: {
  readonly annotations?: Readonly<Record<string, string>>
}): Readonly<Record<string, unknown>> {
  return parseMapping(metadata.annotations?.['proxy.istio.io/config'] ?? '')
}
