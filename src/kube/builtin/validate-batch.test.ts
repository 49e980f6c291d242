import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refusals } from './testing.ts'

const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } }
const cron = (spec: object) => ({
  spec: { schedule: '* * * * *', jobTemplate: { spec: { template } }, ...spec },
})

/** Kind, what is asked for, the answers of Kubernetes, what was there before. */
const CASES: readonly (readonly [string, object, readonly string[], object?])[] = [
  ['CronJob', cron({}), []],
  [
    'CronJob',
    cron({ schedule: '61 * * * *', timeZone: 'Mars/Phobos', startingDeadlineSeconds: -1 }),
    [
      'spec.schedule: Invalid value: "61 * * * *": end of range (61) above maximum (59): 61',
      'spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0',
      'spec.timeZone: Invalid value: "Mars/Phobos": unknown time zone Mars/Phobos',
    ],
  ],
  [
    'CronJob',
    cron({ schedule: 'TZ=UTC * * * * *' }),
    [
      'spec.schedule: Invalid value: "TZ=UTC * * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
    ],
  ],
  [
    'CronJob',
    cron({ concurrencyPolicy: 'Maybe' }),
    ['spec.concurrencyPolicy: Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace"'],
  ],
  [
    'Job',
    { spec: { parallelism: -1, template } },
    ['spec.parallelism: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'Job',
    { spec: { template: { spec: { ...template.spec, restartPolicy: 'Always' } } } },
    ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
  ],
]

test('Jobs and CronJobs are refused in Kubernetes’ words', () => {
  for (const [kind, object, wanted, old] of CASES) assert.deepEqual(refusals(kind, object, old), wanted)
})
