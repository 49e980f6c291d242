/**
 * mesh/status: writes what the translation says about users' objects into their status. It merges (other controllers'
 * parents and conditions stay), writes nothing that is there already, and tries again what conflicts or fails.
 */
export { createStatusWriter, type StatusWriter, type StatusWriterOptions } from './writer.ts'
