import { parseDurationMs, parseIpv4 } from '../../base/index.ts'
import { isCidr, isIpv6 } from '../ip.ts'
import { parseQuantity } from '../quantity.ts'

/** The string formats that the API server checks; all others are accepted whatever the text. */
const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  'date-time': isDateTime,
  datetime: isDateTime,
  date: (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)),
  duration: (text) => parseDurationMs(text.replaceAll(' ', '')) !== undefined,
  byte: (text) => /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text),
  ipv4: (text) => parseIpv4(text) !== undefined,
  ipv6: isIpv6,
  cidr: isCidr,
  mac: (text) => /^[0-9a-fA-F]{2}(?:([:-])[0-9a-fA-F]{2})(?:\1[0-9a-fA-F]{2}){4}$/.test(text),
  uuid: (text) => /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(text),
  hostname: (text) =>
    text.length <= 255 && /^[a-zA-Z0-9]([-a-zA-Z0-9]{0,62}\.?)*$/.test(text) && !/[-.]$/.test(text),
  quantity: (text) => parseQuantity(text) !== undefined,
  email: (text) => /^[^\s@<>]+@[^\s@<>]+$/.test(text),
  uri: (text) => URL.canParse(text) || /^\/[^\s]*$/.test(text),
}

/** @returns false when the format is one that is checked and the text is not of it */
export function isOfFormat(format: string, text: string): boolean {
  const check = Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined
  return check === undefined || check(text)
}

function isDateTime(text: string): boolean {
  return (
    /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/.test(text) &&
    !Number.isNaN(Date.parse(text))
  )
}
