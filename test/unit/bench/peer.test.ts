import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CLASSIFY_RULESETS } from '../../bench/classify-rulesets.ts';
import { parsePeer, peerDropper } from '../../bench/peer.ts';
import type { Namespace } from '../../harness/namespace.ts';

const HERE = { enter: <T>(work: () => T): T => work() } as Namespace;
const SHAPE = CLASSIFY_RULESETS.find(({ name }) => name === 'blacklist')!.shape(3);

test('a peer is a name and a command', () => {
  expect(parsePeer('pcn=env A=b pcn.sh')).toEqual({ name: 'pcn', command: 'env A=b pcn.sh' });
  for (const text of ['pcn', '=x', 'x=']) expect(parsePeer(text)).toBeUndefined();
});

test('its command sets up, counts and takes away, and knows rules and device', () => {
  const directory = mkdtempSync(join(tmpdir(), 'ipb-test-'));
  try {
    const log = join(directory, 'log');
    const command = `echo $BENCH_STEP $BENCH_DEVICE $(grep -c '^-A' $BENCH_RULES) >> ${log}; [ $BENCH_STEP = dropped ] && echo 42 || true`;
    const enforced = peerDropper({ name: 'it', command }).enforce(SHAPE, HERE, 'eth0');
    if ('refused' in enforced) throw new Error(enforced.refused);
    expect(enforced.dropped()).toBe(42);
    enforced.remove();
    expect(readFileSync(log, 'utf8')).toBe('setup eth0 3\ndropped eth0 3\nteardown eth0 3\n');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('one that cannot is refused in its words, and has been taken away; one that does not count says nothing', () => {
  const directory = mkdtempSync(join(tmpdir(), 'ipb-test-'));
  try {
    const gone = join(directory, 'gone');
    const command = `case $BENCH_STEP in setup) echo no such program >&2; exit 1;; teardown) touch ${gone};; esac`;
    expect(peerDropper({ name: 'it', command }).enforce(SHAPE, HERE, 'eth0')).toEqual({ refused: 'no such program' });
    expect(existsSync(gone)).toBe(true);
    const silent = peerDropper({ name: 'it', command: 'true' }).enforce(SHAPE, HERE, 'eth0');
    if ('refused' in silent) throw new Error(silent.refused);
    expect(silent.dropped()).toBeUndefined();
    silent.remove();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
