import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, test } from 'node:test'

const NAMESPACE = `lateen-bridge-${process.pid}`
const skip = process.getuid?.() === 0 ? false : 'network namespaces need root'

before(() => {
  if (!skip) execFileSync('ip', ['netns', 'add', NAMESPACE])
})
after(() => {
  if (!skip) execFileSync('ip', ['netns', 'del', NAMESPACE])
})

/** What a process of the namespace prints. */
function inside(...command: readonly string[]): string {
  return execFileSync('nsenter', [`--net=/run/netns/${NAMESPACE}`, ...command], { encoding: 'utf8' })
}

test('a bridge keeps its hardware address while ports come and go: pods know it by heart', { skip }, () => {
  const make = `
    import { ensureBridge } from ${JSON.stringify(import.meta.resolve('./index.ts'))}
    await ensureBridge({ name: 'bridge0', address: '10.99.0.1/16', extraAddresses: [], routes: [] })`
  inside(process.execPath, '--input-type=module', '--eval', make)
  const address = () => JSON.parse(inside('ip', '-json', 'link', 'show', 'bridge0'))[0].address
  assert.equal(address(), '0a:58:0a:63:00:01')
  inside(
    'ip',
    'link',
    'add',
    'port0',
    'address',
    '02:00:00:00:00:01',
    'type',
    'veth',
    'peer',
    'name',
    'peer0',
  )
  inside('ip', 'link', 'set', 'port0', 'master', 'bridge0')
  assert.equal(address(), '0a:58:0a:63:00:01', 'with a port of a lower address')
  inside('ip', 'link', 'delete', 'port0')
  assert.equal(address(), '0a:58:0a:63:00:01', 'without it')
})
