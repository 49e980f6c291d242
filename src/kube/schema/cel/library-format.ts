/** `format.<name>().validate(text)`: Kubernetes' named formats in CEL. */
import { type CelFunc, celFunc, celMethod, CelScalar } from '@bufbuild/cel'
import {
  checkDns1035Label,
  checkDns1123Label,
  checkDns1123Subdomain,
  checkLabelValue,
  checkQualifiedName,
  type NameCheck,
} from '../../names.ts'
import { isOfFormat } from '../formats.ts'
import { OPAQUE, unwrapText, wrap } from './opaque.ts'
import { optionalOf } from './optional.ts'

/** A name that is a prefix for generateName may end with a dash. */
const asPrefix =
  (check: NameCheck): NameCheck =>
  (text) =>
    check(text.endsWith('-') ? `${text.slice(0, -1)}a` : text)

const ofFormat =
  (format: string): NameCheck =>
  (text) =>
    isOfFormat(format, text) ? [] : [`must be of format ${format}`]

const FORMATS: Readonly<Record<string, NameCheck>> = {
  dns1123Label: checkDns1123Label,
  dns1123Subdomain: checkDns1123Subdomain,
  dns1035Label: checkDns1035Label,
  dns1123LabelPrefix: asPrefix(checkDns1123Label),
  dns1123SubdomainPrefix: asPrefix(checkDns1123Subdomain),
  dns1035LabelPrefix: asPrefix(checkDns1035Label),
  qualifiedName: checkQualifiedName,
  labelValue: checkLabelValue,
  uri: ofFormat('uri'),
  uuid: ofFormat('uuid'),
  byte: ofFormat('byte'),
  date: ofFormat('date'),
  datetime: ofFormat('date-time'),
}

export function formatFunctions(): CelFunc[] {
  const { STRING } = CelScalar
  return [
    ...Object.keys(FORMATS).map((name) => celFunc(`format.${name}`, [], OPAQUE, () => wrap('format', name))),
    celFunc('format.named', [STRING], OPAQUE, (name) =>
      optionalOf(Object.hasOwn(FORMATS, name) ? wrap('format', name) : undefined),
    ),
    celMethod('validate', OPAQUE, [STRING], OPAQUE, function (text) {
      const errors = FORMATS[unwrapText('format', this)]?.(text) ?? []
      return optionalOf(errors.length === 0 ? undefined : [...errors])
    }),
  ]
}
