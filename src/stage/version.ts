/** What offers and the API call this server. */
export const STAGE_VERSION = "troupe-stage";
