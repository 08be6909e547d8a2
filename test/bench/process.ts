// Commands in network namespaces, to be timed from their start to their end.

import { spawnSync } from 'node:child_process';
import type { Namespace } from '../harness/namespace.ts';
import type { Subject } from './measure.ts';

type Environment = Readonly<Record<string, string | undefined>>;

interface Outcome {
  readonly milliseconds: number;
  readonly output: string;
  /** What it said in place of ending well. */
  readonly refused?: string;
}

/** A command that can also be run untimed, to see whether it takes what it is given. */
export interface CommandSubject extends Subject {
  run(): Outcome;
}

/** Being sampled, it throws unless the command ends well. */
export function commandSubject(
  name: string,
  namespace: Namespace,
  command: readonly string[],
  environment: Environment,
): CommandSubject {
  return {
    name,
    run: () => runInside(namespace, command, environment),
    sample: () => {
      const { milliseconds, refused } = runInside(namespace, command, environment);
      if (refused !== undefined) throw new Error(`${command.join(' ')}: ${refused}`);
      return milliseconds;
    },
  };
}

/** Runs a command in a namespace; not by a further program, but by being there while it starts. */
function runInside(namespace: Namespace, [command, ...words]: readonly string[], environment: Environment): Outcome {
  return namespace.enter(() => {
    // What is refused may be refused once for each rule.
    const options = { encoding: 'utf8', env: environment, maxBuffer: 2 ** 30 } as const;
    const start = performance.now();
    const { status, stdout, stderr, error } = spawnSync(command!, words, options);
    const milliseconds = performance.now() - start;
    if (error !== undefined) throw error;
    if (status === 0) return { milliseconds, output: stdout };
    return { milliseconds, output: stdout, refused: stderr.trim().split('\n')[0] || `exit code ${status}` };
  });
}
