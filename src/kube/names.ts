/** Rules for names, with the wording of apimachinery. Each check returns what is wrong, nothing if all is well. */
import { child, type FieldError, invalid, required } from './schema/field-error.ts'
import { goForm } from './schema/go-form.ts'
import { getOwn, isRecord, type JsonRecord } from './json.ts'

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const SUBDOMAIN = String.raw`${LABEL}(\.${LABEL})*`
const WILDCARD = String.raw`\*\.${SUBDOMAIN}`
const LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?'
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const LABEL_VALUE = '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?'
const CONFIG_KEY = '[-._a-zA-Z0-9]+'

const LABEL_REGEX = new RegExp(`^${LABEL}$`)
const SUBDOMAIN_REGEX = new RegExp(`^${SUBDOMAIN}$`)
const WILDCARD_REGEX = new RegExp(`^${WILDCARD}$`)
const LABEL_1035_REGEX = new RegExp(`^${LABEL_1035}$`)
const QUALIFIED_REGEX = new RegExp(`^${QUALIFIED}$`)
const LABEL_VALUE_REGEX = new RegExp(`^${LABEL_VALUE}$`)

export type NameCheck = (name: string) => readonly string[]

export const checkDns1123Label: NameCheck = (name) => [
  ...maxLength(name, 63),
  ...(LABEL_REGEX.test(name)
    ? []
    : name.length <= 253 && SUBDOMAIN_REGEX.test(name)
      ? ['must not contain dots']
      : [
          regexMessage(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
            LABEL,
            ['my-name', '123-abc'],
          ),
        ]),
]

export const checkDns1123Subdomain: NameCheck = (name) => [
  ...maxLength(name, 253),
  ...matchOr(
    SUBDOMAIN_REGEX.test(name.slice(0, 1024)),
    regexMessage(
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
      SUBDOMAIN,
      ['example.com'],
    ),
  ),
]

export const checkDns1035Label: NameCheck = (name) => [
  ...maxLength(name, 63),
  ...matchOr(
    LABEL_1035_REGEX.test(name),
    regexMessage(
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
      LABEL_1035,
      ['my-name', 'abc-123'],
    ),
  ),
]

/** Names of roles and the like, which may be anything that fits one segment of a URL's path. */
export const checkPathSegment: NameCheck = (name) => {
  if (name === '.' || name === '..') return [`may not be '${name}'`]
  return ['/', '%'].filter((char) => name.includes(char)).map((char) => `may not contain '${char}'`)
}

/** A host of an Ingress that stands for all hosts below a domain. */
export const checkWildcardSubdomain: NameCheck = (name) => [
  ...maxLength(name, 253),
  ...matchOr(
    WILDCARD_REGEX.test(name.slice(0, 1024)),
    regexMessage(
      "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
      WILDCARD,
      ['*.example.com'],
    ),
  ),
]

export const checkConfigKey: NameCheck = (key) => [
  ...maxLength(key, 253),
  ...matchOr(
    new RegExp(`^${CONFIG_KEY}$`).test(key),
    regexMessage("a valid config key must consist of alphanumeric characters, '-', '_' or '.'", CONFIG_KEY, [
      'key.name',
      'KEY_NAME',
      'key-name',
    ]),
  ),
  ...(key === '.' || key === '..' ? [`must not be '${key}'`] : []),
  ...(key.startsWith('..') && key !== '..' ? ["must not start with '..'"] : []),
]

/** Environment variables: since 1.34 any printable ASCII but `=`. */
export const checkEnvVarName: NameCheck = (name) => [
  ...(name === '' ? ['environment variable name must be non-empty'] : []),
  ...matchOr(
    /^[ -<>-~]*$/.test(name),
    "a valid environment variable name must consist only of printable ASCII characters other than '='",
  ),
]

/** Names of ports (IANA service names). */
export const checkPortName: NameCheck = (name) => [
  ...maxLength(name, 15),
  ...matchOr(
    /^[-a-z0-9]+$/.test(name),
    'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
  ),
  ...matchOr(/[a-z]/.test(name), 'must contain at least one letter (a-z)'),
  ...matchOr(!name.includes('--'), 'must not contain consecutive hyphens'),
  ...matchOr(!/^-|-$/.test(name), 'must not begin or end with a hyphen'),
]

/** Keys of labels, annotations and finalizers: `[prefix/]name`. */
export const checkQualifiedName: NameCheck = (key) => {
  const parts = key.split('/')
  if (parts.length > 2) {
    return [
      `a valid label key ${regexMessage(NAME_PART, QUALIFIED, ['MyName', 'my.name', '123-abc'])} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ]
  }
  const [prefix, name] = parts.length === 2 ? [parts[0] ?? '', parts[1] ?? ''] : [undefined, key]
  const prefixErrors =
    prefix === undefined
      ? []
      : prefix === ''
        ? ['prefix part must be non-empty']
        : checkDns1123Subdomain(prefix).map((text) => `prefix part ${text}`)
  const nameErrors = [
    ...(name === '' ? ['name part must be non-empty'] : []),
    ...(name.length > 63 ? ['name part must be no more than 63 bytes'] : []),
    ...matchOr(
      QUALIFIED_REGEX.test(name.slice(0, 1024)),
      `name part ${regexMessage(NAME_PART, QUALIFIED, ['MyName', 'my.name', '123-abc'])}`,
    ),
  ]
  return [...prefixErrors, ...nameErrors]
}

const NAME_PART =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"

export const checkLabelValue: NameCheck = (value) => [
  ...(value.length > 63 ? ['must be no more than 63 bytes'] : []),
  ...matchOr(
    LABEL_VALUE_REGEX.test(value.slice(0, 1024)),
    regexMessage(
      "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
      LABEL_VALUE,
      ['MyValue', 'my_value', '12345'],
    ),
  ),
]

function maxLength(text: string, max: number): readonly string[] {
  return text.length > max ? [`must be no more than ${max} characters`] : []
}

function matchOr(matches: boolean, message: string): readonly string[] {
  return matches ? [] : [message]
}

/** The blanks between examples are Kubernetes' own. */
export function regexMessage(message: string, format: string, examples: readonly string[]): string {
  const list = examples.map((example) => `'${example}', `).join(' or ')
  return `${message} (e.g. ${list}regex used for validation is '${format}')`
}

/** All annotations of an object together, keys and values. */
const ANNOTATIONS_BYTES_MAX = 256 * 1024

/** Checks what users write into metadata; fields that only the server sets are not looked at. */
export function validateObjectMeta(
  meta: unknown,
  checkName: NameCheck,
  path = 'metadata',
): readonly FieldError[] {
  if (!isRecord(meta)) return [required(path)]
  return [
    ...validateName(meta, checkName, path),
    ...validateLabels(getOwn(meta, 'labels'), child(path, 'labels')),
    ...validateAnnotations(getOwn(meta, 'annotations'), child(path, 'annotations')),
    ...validateOwners(getOwn(meta, 'ownerReferences'), child(path, 'ownerReferences')),
    ...validateFinalizers(getOwn(meta, 'finalizers'), child(path, 'finalizers')),
  ]
}

function validateName(meta: JsonRecord, checkName: NameCheck, path: string): readonly FieldError[] {
  const errors: FieldError[] = []
  const name = getOwn(meta, 'name')
  const generateName = getOwn(meta, 'generateName')
  if (typeof generateName === 'string' && generateName !== '') {
    const masked = generateName.endsWith('-') ? `${generateName.slice(0, -1)}a` : generateName
    errors.push(...checkName(masked).map((text) => invalid(child(path, 'generateName'), generateName, text)))
  }
  if (typeof name !== 'string' || name === '') {
    return [required(child(path, 'name'), 'name or generateName is required'), ...errors]
  }
  return [...checkName(name).map((text) => invalid(child(path, 'name'), name, text)), ...errors]
}

export function validateLabels(labels: unknown, path: string): readonly FieldError[] {
  if (!isRecord(labels)) return []
  return Object.entries(labels).flatMap(([key, value]) => [
    ...checkQualifiedName(key).map((text) => invalid(path, key, text)),
    ...(typeof value === 'string' ? checkLabelValue(value).map((text) => invalid(path, value, text)) : []),
  ])
}

function validateAnnotations(annotations: unknown, path: string): readonly FieldError[] {
  if (!isRecord(annotations)) return []
  const errors = Object.keys(annotations).flatMap((key) =>
    checkQualifiedName(key.toLowerCase()).map((text) => invalid(path, key, text)),
  )
  const size = Object.entries(annotations).reduce(
    (sum, [key, value]) => sum + key.length + String(value).length,
    0,
  )
  if (size <= ANNOTATIONS_BYTES_MAX) return errors
  return [
    ...errors,
    { type: 'Too long', path, detail: `may not be more than ${ANNOTATIONS_BYTES_MAX} bytes` },
  ]
}

function validateFinalizers(finalizers: unknown, path: string): readonly FieldError[] {
  if (!Array.isArray(finalizers)) return []
  return finalizers.flatMap((finalizer) =>
    typeof finalizer === 'string'
      ? checkQualifiedName(finalizer).map((text) => invalid(path, finalizer, text))
      : [],
  )
}

/** The finalizers of Kubernetes itself: all others are named under a domain. */
const STANDARD_FINALIZERS: ReadonlySet<string> = new Set(['kubernetes', 'orphan', 'foregroundDeletion'])

/** Most built-in kinds take no other finalizers than these; custom resources take any. */
export function validateStandardFinalizers(meta: unknown): readonly FieldError[] {
  const finalizers = isRecord(meta) ? getOwn(meta, 'finalizers') : undefined
  if (!Array.isArray(finalizers)) return []
  return finalizers.flatMap((finalizer, index) =>
    typeof finalizer !== 'string' || finalizer.includes('/') || STANDARD_FINALIZERS.has(finalizer)
      ? []
      : [
          invalid(
            `metadata.finalizers[${index}]`,
            finalizer,
            'name is neither a standard finalizer name nor is it fully qualified',
          ),
        ],
  )
}

function validateOwners(owners: unknown, path: string): readonly FieldError[] {
  if (!Array.isArray(owners)) return []
  const errors = owners.flatMap((owner, index) =>
    ['apiVersion', 'kind', 'name', 'uid'].flatMap((field) =>
      isRecord(owner) && (getOwn(owner, field) ?? '') === ''
        ? [required(child(`${path}[${index}]`, field), 'must not be empty')]
        : [],
    ),
  )
  const controllers = owners.filter((owner) => isRecord(owner) && owner['controller'] === true)
  const [first, ...others] = controllers.map((owner) => `${owner['kind']}/${owner['name']}`)
  const printed = owners.map((owner) => goForm(owner, 'meta/v1.OwnerReference'))
  return [
    ...errors,
    ...others.map((other) =>
      invalid(
        path,
        printed,
        `Only one reference can have Controller set to true. Found "true" in references for ${first} and ${other}`,
      ),
    ),
  ]
}
