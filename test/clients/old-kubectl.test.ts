/** The same commands as in `test/e2e/commands.test.ts` with Debian's kubectl 1.20, as far as it has them. */
import { commandSuite } from '../e2e/commands/suite.ts'
import { OLD_KUBECTL } from '../support/cluster.ts'

commandSuite({ name: 'kubectl 1.20', program: OLD_KUBECTL, isOld: true })
