/** Every command of kubectl that needs controllers or a node, with what it refuses. */
import { KUBECTL } from '../support/cluster.ts'
import { commandSuite } from './commands/suite.ts'

commandSuite({ name: 'kubectl', program: KUBECTL, isOld: false })
