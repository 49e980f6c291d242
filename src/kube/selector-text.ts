import { fail, ok, type Result } from '../base/index.ts'
import { checkLabelValue, checkQualifiedName } from './names.ts'

/** One requirement of a label selector's text form. */
export interface LabelRequirement {
  readonly key: string
  readonly operator: 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt'
  readonly values: readonly string[]
}

/** A word or a sign of the text; `''` ends it. */
interface Token {
  readonly kind: 'word' | 'sign' | 'end'
  readonly text: string
}

const SIGNS: ReadonlySet<string> = new Set([')', ',', '!', '==', '=', '!=', '>', '<', '('])
const BINARY = {
  in: 'in',
  notin: 'notin',
  '=': 'in',
  '==': 'in',
  '!=': 'notin',
  '>': 'gt',
  '<': 'lt',
} as const
const BINARY_NAMES = 'in, notin, =, ==, !=, gt, lt'

/** Thrown inside, caught at the door. */
class SelectorError extends Error {
  override readonly name = 'SelectorError'
}

/** Reads the text of a label selector; what is wrong is said in the words of Kubernetes' own parser. */
export function parseLabelRequirements(text: string): Result<readonly LabelRequirement[], string> {
  try {
    return ok(readAll(createTokens(text)))
  } catch (error) {
    if (error instanceof SelectorError) return fail(error.message)
    throw error
  }
}

interface Tokens {
  readonly peek: () => Token
  readonly take: () => Token
}

function createTokens(text: string): Tokens {
  const tokens: Token[] = []
  for (const [part] of text.matchAll(/[=!(),<>]+|[^=!(),<> \t\r\n]+/g)) tokens.push(...splitPart(part))
  let next = 0
  const peek = () => tokens[next] ?? END
  const take = () => {
    const token = peek()
    next += 1
    return token
  }
  return { peek, take }
}

const END: Token = { kind: 'end', text: '' }

/** A word as it is; of signs that stand together each is as long as it can be. */
function splitPart(part: string): readonly Token[] {
  if (!/^[=!(),<>]/.test(part)) return [{ kind: 'word', text: part }]
  const tokens: Token[] = []
  for (let start = 0; start < part.length;) {
    const two = part.slice(start, start + 2)
    const text = SIGNS.has(two) ? two : part.slice(start, start + 1)
    tokens.push({ kind: 'sign', text })
    start += text.length
  }
  return tokens
}

function expected(found: Token, what: string): SelectorError {
  return new SelectorError(`found '${found.text}', expected: ${what}`)
}

const isSign = (token: Token, text: string) => token.kind === 'sign' && token.text === text
const begins = (token: Token) => token.kind === 'word' || isSign(token, '!')

function readAll(tokens: Tokens): readonly LabelRequirement[] {
  const requirements: LabelRequirement[] = []
  while (tokens.peek().kind !== 'end') {
    if (!begins(tokens.peek())) throw expected(tokens.peek(), "!, identifier, or 'end of string'")
    requirements.push(readRequirement(tokens))
    const after = tokens.take()
    if (after.kind === 'end') break
    if (!isSign(after, ',')) throw expected(after, "',' or 'end of string'")
    if (!begins(tokens.peek())) throw expected(tokens.peek(), "identifier after ','")
  }
  return requirements
}

function readRequirement(tokens: Tokens): LabelRequirement {
  try {
    const requirement = readParts(tokens)
    checkValues(requirement)
    return requirement
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error
    throw new SelectorError(`unable to parse requirement: ${error.message}`)
  }
}

function readParts(tokens: Tokens): LabelRequirement {
  const isNegated = isSign(tokens.peek(), '!')
  if (isNegated) tokens.take()
  const key = tokens.take()
  if (key.kind !== 'word') throw expected(key, 'identifier')
  const problems = checkQualifiedName(key.text)
  if (problems.length > 0)
    throw new SelectorError(`<nil>: Invalid value: ${JSON.stringify(key.text)}: ${problems.join('; ')}`)
  const next = tokens.peek()
  if (next.kind === 'end' || isSign(next, ','))
    return { key: key.text, operator: isNegated ? '!' : 'exists', values: [] }
  if (isNegated) return { key: key.text, operator: '!', values: [] }
  const sign = tokens.take()
  if (!Object.hasOwn(BINARY, sign.text)) throw expected(sign, BINARY_NAMES)
  const operator = BINARY[sign.text as keyof typeof BINARY]
  const values = sign.kind === 'word' ? readValues(tokens) : [readValue(tokens)]
  return { key: key.text, operator, values }
}

function readValue(tokens: Tokens): string {
  const next = tokens.peek()
  if (next.kind === 'end' || isSign(next, ',')) return ''
  const value = tokens.take()
  if (value.kind !== 'word') throw expected(value, 'identifier')
  return value.text
}

/** `(a, b)`; what is empty between the commas is the empty value. */
function readValues(tokens: Tokens): readonly string[] {
  const open = tokens.take()
  if (!isSign(open, '(')) throw new SelectorError(`found '${open.text}' expected: '('`)
  const first = tokens.peek()
  if (first.kind !== 'word' && !isSign(first, ',') && !isSign(first, ')'))
    throw expected(first, "',', ')' or identifier")
  const values = new Set<string>()
  for (let isAfterComma = true; ;) {
    const token = tokens.take()
    if (token.kind === 'word') {
      values.add(token.text)
      const after = tokens.peek()
      if (!isSign(after, ',') && !isSign(after, ')')) throw expected(after, "',' or ')'")
      isAfterComma = false
    } else if (isSign(token, ',') || isSign(token, ')')) {
      if (isAfterComma) values.add('')
      isAfterComma = true
      if (token.text === ')') return [...values].sort()
    } else throw expected(token, "',', or identifier")
  }
}

function checkValues({ key, operator, values }: LabelRequirement): void {
  const refuse = (at: string, value: string, why: string) =>
    new SelectorError(`${at}: Invalid value: ${JSON.stringify(value)}: ${why}`)
  for (const [index, value] of values.entries()) {
    if ((operator === 'gt' || operator === 'lt') && !/^[+-]?\d+$/.test(value)) {
      const why = "for 'Gt', 'Lt' operators, the value must be an integer"
      throw refuse(`values[${index}]`, value, why)
    }
    const [problem] = checkLabelValue(value)
    if (problem !== undefined) throw refuse(`values[${index}][${key}]`, value, problem)
  }
}
