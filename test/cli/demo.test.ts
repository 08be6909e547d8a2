import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const DEMO = new URL('../../dist/demo.js', import.meta.url).pathname;
const directory = mkdtempSync(join(tmpdir(), 'bpfilter-demo-'));

function write(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

/** What the process with this id made and did not remove. */
function leftBy(pid: number): string[] {
  const names = ['/run/netns', '/run'].flatMap((parent) => readdirSync(parent));
  return names.filter((name) => name.startsWith('ipb-') && name.includes(`-${pid}-`));
}

describe('the demonstration', () => {
  afterAll(() => rmSync(directory, { recursive: true }));

  it('shows its default ruleset at work and leaves nothing behind', () => {
    const { status, stdout, stderr, pid } = spawnSync(process.execPath, [DEMO], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/tcp 203\.0\.113\.9:51000 > 10\.0\.0\.2:80 +connected/);
    expect(stdout).toMatch(/2:22 syn +dropped +INPUT:policy/);
    expect(stdout).toMatch(/^7 +1 +40 ACCEPT .* dpt:80$/m);
    expect(leftBy(pid)).toEqual([]);
  });

  it('takes any ruleset', () => {
    const rules =
      '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p udp -j DROP\n-A INPUT -p tcp -m tcp --dport 22 -j DROP\nCOMMIT\n';
    const { status, stdout } = spawnSync(process.execPath, [DEMO, write('any', rules)], { encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout).toMatch(/udp 198\.51\.100\.7:40053 > 10\.0\.0\.2:53 payload=30 +dropped +INPUT:1/);
  });

  it('refuses what the commands refuse, with the place of the mistake', () => {
    const path = write('bad', '*filter\n-A INPUT --dport 22 -j DROP\nCOMMIT\n');
    const { status, stderr } = spawnSync(process.execPath, [DEMO, path], { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toMatch(/bad:2:\d+: error: /);
  });

  it('cleans up when it is interrupted', async () => {
    const child = spawn(process.execPath, [DEMO], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stderr.on('data', (data) => (said += data));
    child.stdout.once('data', () => child.kill('SIGINT'));
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect({ code, said }).toEqual({ code: 1, said: 'Interrupted.\n' });
    expect(leftBy(child.pid!)).toEqual([]);
  });
});
