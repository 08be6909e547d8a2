// What goes wrong with pins, and taking them away.

import { unlinkSync } from 'node:fs';

/** Something of ours that is not as it should be, or cannot be made so. */
export class InstallationError extends Error {
  override readonly name = 'InstallationError';
}

/** A pin that must be there is not. */
export function missingPin(path: string): InstallationError {
  return new InstallationError(
    `the pin ${path} is missing, so the rules in force cannot be replaced; ` +
      'run `bpfilter detach` and apply the ruleset again',
  );
}

/** Removes a pin: what it alone has kept is gone then. */
export function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
