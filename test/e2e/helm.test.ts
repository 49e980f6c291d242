/** Charts with the helm that comes beside kubectl; the older one is tried by `npm run test:clients`. */
import { join } from 'node:path'
import { helmSuite } from '../clients/helm-suite.ts'
import { REPOSITORY } from '../support/source-tree.ts'

helmSuite({ program: join(REPOSITORY, '.tools/bin/helm'), major: 4 })
