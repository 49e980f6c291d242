/** The same charts with helm 3, which most people have: it merges by itself where helm 4 applies on the server. */
import { join } from 'node:path'
import { REPOSITORY } from '../support/source-tree.ts'
import { helmSuite } from './helm-suite.ts'

helmSuite({ program: join(REPOSITORY, '.tools/clients/helm'), major: 3 })
