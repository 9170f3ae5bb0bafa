/** A setting that cannot be right. The message names it, what was found, and what is expected. */
export class WrongSetting extends Error {}
