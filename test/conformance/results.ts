/** What `go tool test2json` says of a run, event by event. */
export interface TestEvent {
  readonly Action: string
  readonly Test?: string
  readonly Elapsed?: number
  readonly Output?: string
}

export interface TestResult {
  readonly name: string
  readonly outcome: 'pass' | 'fail' | 'skip'
  readonly seconds: number
  /** The assertions' own words; empty when nothing failed. */
  readonly failure: string
}

export interface Results {
  /** Tests of the suite, in the order of their ends. */
  readonly tests: readonly TestResult[]
  /** What is beside the suite's own tests: the report, the features that the class names. */
  readonly others: readonly TestResult[]
}

const ROOT = 'TestConformance'
/** Of a test that failed without an assertion: a panic with its stack. */
const LAST_LINES = 30

/** Takes events in their order; parallel tests end after the ones that follow them. */
export function createResults(ended: (result: TestResult) => void = () => {}) {
  const outputs = new Map<string, string>()
  const tests: TestResult[] = []
  const others: TestResult[] = []

  /** Of the test and of all within it; what is within the root has been told before. */
  function failureOf(name: string): string {
    const isWithin = (test: string) => name !== ROOT && test.startsWith(`${name}/`)
    const texts = [...outputs].filter(([test]) => test === name || isWithin(test))
    const assertions = texts.map(([, text]) => assertionsIn(text)).join('')
    if (assertions !== '') return assertions
    return (outputs.get(name) ?? '').split('\n').slice(-LAST_LINES).join('\n')
  }

  function end(name: string, outcome: TestResult['outcome'], seconds: number): void {
    const [root = '', test, ...within] = name.split('/')
    if (within.length > 0 || (root !== ROOT && test !== undefined)) return
    const failure = outcome === 'fail' ? failureOf(name) : ''
    const result = { name: test ?? root, outcome, seconds, failure }
    if (test === undefined) others.push(result)
    else {
      tests.push(result)
      ended(result)
    }
  }

  return {
    take({ Action: action, Test: name, Elapsed: seconds = 0, Output: output = '' }: TestEvent): void {
      if (name === undefined) return
      if (action === 'output') outputs.set(name, (outputs.get(name) ?? '') + output)
      else if (action === 'pass' || action === 'fail' || action === 'skip') end(name, action, seconds)
    },
    results: (): Results => ({ tests, others }),
  }
}

/** testify's blocks, from "Error Trace" to the message after "Test:"; the suite prints every poll besides. */
function assertionsIn(output: string): string {
  const kept: string[] = []
  let inside = false
  for (const line of output.split('\n')) {
    if (/^\s+Error Trace:/.test(line)) inside = true
    else if (inside && !/^\s{4,}\s*\S/.test(line)) inside = false
    else if (inside && /^\s+[\w-]+\.go:\d+: /.test(line)) inside = false
    if (inside) kept.push(line)
  }
  return kept.length === 0 ? '' : `${kept.join('\n')}\n`
}
