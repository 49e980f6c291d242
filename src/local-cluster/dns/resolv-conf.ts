import { isIP } from 'node:net'

/** The name servers of a resolv.conf, in its order, three at most as in resolv.conf(5). */
export function parseResolvConf(text: string): readonly string[] {
  return text
    .split('\n')
    .flatMap((line) => {
      const [keyword, address = ''] = line.trim().split(/\s+/)
      return keyword === 'nameserver' && isIP(address) !== 0 ? [address] : []
    })
    .slice(0, 3)
}
