import type { ResponseCase } from './cases.ts'
import type { Tally } from './differential.ts'
import { startGateway } from './gateway.ts'
import { NEXT_BODY, startResponder } from './responder.ts'
import type { ResponseReader } from './response-readers.ts'
import { RESPONSE_CASES } from './responses/index.ts'

const NEXT = `200 ${NEXT_BODY.length}`

/** Answers every case through a gateway, and compares what the reader makes of it with what was meant. */
export async function runResponses(
  start: (gatewayPort: number) => ResponseReader | Promise<ResponseReader>,
): Promise<Tally> {
  const responder = await startResponder()
  const gateway = await startGateway(responder.port)
  const reader = await start(gateway.port)
  const tally = { cases: 0, meant: 0, read: 0, refused: [] as string[], failures: [] as string[] }
  try {
    for (const one of Object.values(RESPONSE_CASES).flat()) {
      const name = `${one.rule}: ${one.name}`
      tally.cases++
      tally.meant += 2
      responder.setCase(one)
      const { answer, next } = await reader.read(one).catch((error: unknown) => {
        throw new Error(`${name}: ${(error as Error).message}`)
      })
      const verdicts = [verdictOn(one, answer), next === NEXT ? 'read' : isError(next) ? 'refused' : 'wrong']
      if (verdicts.includes('wrong'))
        tally.failures.push(
          `${name}\n    meant ${meantOf(one)}, then ${NEXT}\n    read  ${answer}, then ${next}`,
        )
      else if (verdicts.includes('refused')) tally.refused.push(name)
      tally.read += verdicts.filter((verdict) => verdict === 'read').length
    }
  } finally {
    await reader.close()
    gateway.close()
    responder.close()
  }
  return tally
}

type Verdict = 'read' | 'refused' | 'wrong'

/** A reader may refuse what is sound; it must not read anything else than was meant. */
function verdictOn(one: ResponseCase, answer: string): Verdict {
  switch (one.outcome) {
    case 'passed':
      return answer === meantOf(one) ? 'read' : isError(answer) ? 'refused' : 'wrong'
    case 'rejected':
      return answer.startsWith(`${one.meant} `) ? 'read' : isError(answer) ? 'refused' : 'wrong'
    case 'broken':
      return answer === 'broken' ? 'read' : isError(answer) ? 'refused' : 'wrong'
  }
}

/** The final response, without marks of trailers. */
function meantOf(one: ResponseCase): string {
  const last = one.meant.split(', ').at(-1) as string
  return one.outcome === 'passed' ? last.replace(/ \+.*$/, '') : one.outcome
}

function isError(answer: string): boolean {
  return answer === 'broken' || answer === 'silent' || /^5\d\d /.test(answer)
}
