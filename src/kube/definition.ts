import type { PrinterColumn, ResourceInfo, Verb } from './kind-info.ts'
import type { CustomResourceDefinition } from './types/extension.ts'

const VERBS: readonly Verb[] = [
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'create',
  'update',
  'watch',
]

/** The resources that a CustomResourceDefinition serves, one for each served version, the newest first. */
export function resourceInfosOf(definition: CustomResourceDefinition): readonly ResourceInfo[] {
  const { group, names, scope, versions } = definition.spec
  return versions
    .filter((version) => version.served)
    .map((version) => ({
      group,
      version: version.name,
      kind: names.kind,
      listKind: names.listKind ?? `${names.kind}List`,
      plural: names.plural,
      singular: names.singular ?? names.kind.toLowerCase(),
      shortNames: names.shortNames ?? [],
      categories: names.categories ?? [],
      namespaced: scope === 'Namespaced',
      subresources: [
        ...(version.subresources?.status === undefined ? [] : ['status']),
        ...(version.subresources?.scale === undefined ? [] : ['scale']),
      ],
      verbs: VERBS,
      printerColumns: (version.additionalPrinterColumns ?? []) as readonly PrinterColumn[],
      selectableFields: (version.selectableFields ?? []).map(({ jsonPath }) => jsonPath.replace(/^\./, '')),
      ...deprecationOf(definition, version),
      stored: true,
    }))
    .sort((a, b) => compareVersions(a.version, b.version))
}

type Version = CustomResourceDefinition['spec']['versions'][number]

/** Without words of its own a deprecated version points to the newest that is not. */
function deprecationOf(
  { spec }: CustomResourceDefinition,
  version: Version,
): { deprecationWarning?: string } {
  if (version.deprecated !== true) return {}
  if (version.deprecationWarning !== undefined) return { deprecationWarning: version.deprecationWarning }
  const [newest] = spec.versions
    .filter((other) => other.served && other.deprecated !== true)
    .toSorted((a, b) => compareVersions(a.name, b.name))
  const kind = spec.names.kind
  const instead = newest ? `; use ${spec.group}/${newest.name} ${kind}` : ''
  return { deprecationWarning: `${spec.group}/${version.name} ${kind} is deprecated${instead}` }
}

/** Kubernetes' order of versions: v2, v1, v1beta2, v1beta1, v1alpha1, then anything else by name. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [versionRank(a), versionRank(b)]
  if (!left || !right) return left ? -1 : right ? 1 : a < b ? -1 : a > b ? 1 : 0
  for (const [index, part] of left.entries()) {
    const other = right[index] ?? 0
    if (part !== other) return other - part
  }
  return 0
}

function versionRank(version: string): readonly number[] | undefined {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version)
  if (!match) return undefined
  const stability = match[2] === undefined ? 2 : match[2] === 'beta' ? 1 : 0
  return [stability, Number(match[1]), Number(match[3] ?? 0)]
}
