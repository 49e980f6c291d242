import { fail, ok } from '../../base/index.ts'
import type { OperatorMaker } from './operator.ts'

/** gRPC's status codes, by number. */
const NAMES = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
]

function snake(name: string): string {
  if (name === 'OK') return name
  if (name === 'Canceled') return 'CANCELLED'
  return name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()
}

const SNAKE_NAMES = NAMES.map(snake)

/** `GRPC_STATUS(CAMEL_STRING|SNAKE_STRING|NUMBER)`: how a call of gRPC ended, where the request was one. */
export const grpcStatusReader: OperatorMaker = (argument) => {
  const names = argument === 'SNAKE_STRING' ? SNAKE_NAMES : NAMES
  if (argument === 'NUMBER')
    return ok(({ grpcStatus }) => (grpcStatus === '' ? undefined : Number(grpcStatus)))
  if (argument !== undefined && argument !== 'CAMEL_STRING' && argument !== 'SNAKE_STRING')
    return fail('wants CAMEL_STRING, SNAKE_STRING or NUMBER')
  return ok(({ grpcStatus }) =>
    grpcStatus === '' ? undefined : (names[Number(grpcStatus)] ?? `Unknown(${grpcStatus})`),
  )
}
