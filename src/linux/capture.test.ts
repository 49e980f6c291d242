import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { captureRules } from './index.ts'

const ISTIO =
  '-p 15001 -z 15006 -u 1337 -m REDIRECT -i * -x  -b * -d 15090,15021,15020 --log_output_level=default:info'.split(
    ' ',
  )
const skip = process.getuid?.() === 0 ? false : 'nft needs root'

test("Istio's usual arguments redirect everything but the proxy's own and the excluded ports", () => {
  const { nft } = captureRules(['istio-iptables', ...ISTIO])
  assert.match(
    nft,
    /tcp dport \{ 15008, 15090, 15021, 15020 \} return\n\s+meta l4proto tcp redirect to :15006/,
  )
  assert.match(nft, /meta mark 1337 return/)
  assert.match(nft, /meta l4proto tcp redirect to :15001/)
})

test('listed networks and ports narrow what is redirected', () => {
  const { nft } = captureRules([
    '-i',
    '10.43.0.0/16',
    '-x',
    '10.43.0.10/32',
    '-q',
    '9000',
    '-o',
    '6379',
    '-b',
    '80,443',
  ])
  assert.match(nft, /tcp dport \{ 80, 443 \} redirect to :15006/)
  assert.match(nft, /tcp dport \{ 6379 \} return/)
  assert.match(nft, /ip daddr \{ 10\.43\.0\.10\/32 \} return/)
  assert.match(nft, /tcp dport \{ 9000 \} redirect to :15001/)
  assert.match(nft, /ip daddr \{ 10\.43\.0\.0\/16 \} meta l4proto tcp redirect to :15001/)
})

test('arguments that istio-iptables would refuse are refused with the argument in the message', () => {
  assert.throws(() => captureRules(['-m', 'TPROXY']), /only REDIRECT/)
  assert.throws(() => captureRules(['-d', '80,http']), /-d: "http"/)
  assert.throws(() => captureRules(['15001']), /unknown argument "15001"/)
})

test('nft accepts the rules, twice', { skip }, () => {
  const { nft } = captureRules(ISTIO)
  execFileSync('unshare', ['-n', 'nft', '-f', '-'], { input: nft + nft })
})
