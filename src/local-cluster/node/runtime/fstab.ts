/** One line of an fstab, whose fields are parted by blanks. */
export function fstabLine(source: string, target: string, type: string, options: string): string {
  const escape = (text: string) =>
    text.replace(/[\s\\]/g, (one) => `\\${one.charCodeAt(0).toString(8).padStart(3, '0')}`)
  return `${escape(source)} ${escape(target)} ${type} ${escape(options)} 0 0`
}
