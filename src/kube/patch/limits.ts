/** Documents nested deeper than this are refused before anything recurses into them. */
export const PATCH_DEPTH_MAX = 200
