/** Environment variables, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What every variable of ours begins with. */
export const VARIABLE_PREFIX = 'FIRMWIRE_';

/** Names the configuration file; not a setting itself. */
export const CONFIG_VARIABLE = `${VARIABLE_PREFIX}CONFIG`;
