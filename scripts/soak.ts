/**
 * `lateen serve` under full load (wrk and h2load before nginx) while its configuration changes ten times a second,
 * endpoints come and go, and other processes take its place:
 *   npm run test:soak [-- --seconds 600] [--concurrency N] [--restarts N] [--seed N]
 */
import { parseArgs } from 'node:util'
import { runSoak } from '../test/soak/soak.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string' },
    concurrency: { type: 'string' },
    restarts: { type: 'string' },
    seed: { type: 'string' },
  },
})
const report = await runSoak({
  seconds: Number(values.seconds ?? 600),
  concurrency: Number(values.concurrency ?? 1),
  restarts: Number(values.restarts ?? 2),
  seed: Number(values.seed ?? Date.now() % 1_000_000),
  onLine: (line) => console.log(line),
})
const { loads, rss } = report
for (const { name, requests, failed, words } of loads) {
  console.log(`${name}: ${requests} requests, ${failed} failed ${failed > 0 ? words : ''}`)
}
const step = Math.max(1, Math.floor(rss.length / 20))
console.log(`${report.changes} changes, ${report.restarts} hot restarts`)
console.log(`RSS over time (MB): ${rss.filter((_mb, second) => second % step === 0).join(' ')}`)
if (loads.some(({ requests, failed }) => requests === 0 || failed > 0)) process.exitCode = 1
