import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  StructuralSchema,
} from '../../kube/index.ts'

/** One definition of a custom kind, from which its CustomResourceDefinition is made. */
export interface KindDefinition {
  readonly group: string
  readonly kind: string
  readonly plural: string
  readonly shortNames?: readonly string[]
  readonly categories: readonly string[]
  readonly scope: 'Cluster' | 'Namespaced'
  readonly versions: readonly KindVersion[]
  readonly columns: readonly CustomResourceColumnDefinition[]
  readonly hasStatus: boolean
  readonly annotations: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  /** Made when it is asked for: most processes never need it. */
  readonly schema: () => StructuralSchema
}

export interface KindVersion {
  readonly name: string
  readonly served?: boolean
  readonly storage?: boolean
  readonly deprecationWarning?: string
  readonly hasStatus?: boolean
  readonly hasColumns?: boolean
  /** Where it is not the schema of the kind. */
  readonly schema?: () => StructuralSchema
}

export function definitionOf(definition: KindDefinition): CustomResourceDefinition {
  const { group, kind, plural, shortNames, categories, scope, labels } = definition
  const schema = definition.schema()
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      annotations: definition.annotations,
      ...(labels === undefined ? {} : { labels }),
    },
    spec: {
      group,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        categories,
        ...(shortNames === undefined ? {} : { shortNames }),
      },
      scope,
      versions: definition.versions.map((version) => versionOf(definition, version, schema)),
    },
  }
}

function versionOf(
  definition: KindDefinition,
  version: KindVersion,
  schema: StructuralSchema,
): CustomResourceDefinitionVersion {
  const { deprecationWarning } = version
  const hasStatus = version.hasStatus ?? definition.hasStatus
  const hasColumns = (version.hasColumns ?? true) && definition.columns.length > 0
  return {
    name: version.name,
    served: version.served ?? true,
    storage: version.storage ?? false,
    ...(deprecationWarning === undefined ? {} : { deprecated: true, deprecationWarning }),
    ...(hasColumns ? { additionalPrinterColumns: definition.columns } : {}),
    ...(hasStatus ? { subresources: { status: {} } } : {}),
    schema: { openAPIV3Schema: version.schema?.() ?? schema },
  }
}

export const AGE_COLUMN: CustomResourceColumnDefinition = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
}
