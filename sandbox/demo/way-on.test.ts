import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { commandName, type KeptDemo, shellWord, wayOn } from './way-on.ts';

const kept: KeptDemo = {
  command: '/home/me/tp/bin/telepresence',
  environment: { XDG_RUNTIME_DIR: '/tmp/d', KUBECONFIG: '/tmp/d/kubeconfig' },
  directory: '/tmp/d',
  kubeconfig: '/tmp/d/kubeconfig',
  context: undefined,
  rootless: true,
  hasInstalled: true,
  shopNamespace: 'shop',
};
const endOf = (lines: readonly string[]) => lines.at(-1);

describe('what a person is told who keeps a demo', () => {
  it('names the shop, the kubeconfig, and commands as they are typed', () => {
    const lines = wayOn(kept);
    expect(lines.join('\n')).toContain('http://web.shop');
    expect(lines).toContain('The kubeconfig: /tmp/d/kubeconfig');
    expect(lines).toContain('$ export XDG_RUNTIME_DIR=/tmp/d KUBECONFIG=/tmp/d/kubeconfig');
    expect(lines).toContain('$ /home/me/tp/bin/telepresence list --namespace shop');
  });

  it('ends the sandbox with everything in its folder', () => {
    expect(endOf(wayOn({ ...kept, command: 'telepresence' }))).toBe(
      '$ telepresence quit --stop-daemons && telepresence sandbox down && rm -r /tmp/d',
    );
  });

  it('takes from a real cluster what the demo has put there, and no more', () => {
    const real = { ...kept, command: 'telepresence', context: 'kind a' };
    expect(endOf(wayOn(real))).toBe(
      "$ kubectl --context 'kind a' delete namespace shop && telepresence helm uninstall --context 'kind a' && telepresence quit --stop-daemons && rm -r /tmp/d",
    );
    expect(endOf(wayOn({ ...real, hasInstalled: false }))).not.toContain('helm');
    expect(wayOn(real).join('\n')).not.toContain('sandbox');
  });

  it('says from where the shop can be seen', () => {
    expect(wayOn(kept)[0]).toContain('within /home/me/tp/bin/telepresence shell');
    expect(wayOn({ ...kept, rootless: false })[0]).toContain('in any program of this machine');
  });
});

describe('the name of the command', () => {
  let directory: string | undefined;
  afterEach(() => rmSync(directory ?? '', { recursive: true, force: true }));

  function makeCheckout(): { readonly checkout: string; readonly link: string; readonly other: string } {
    directory = mkdtempSync(join(tmpdir(), 'way-on-'));
    const folder = (name: string) => join(directory ?? '', name);
    for (const name of ['check out/bin', 'link', 'other']) mkdirSync(folder(name), { recursive: true });
    for (const name of ['check out/bin/telepresence', 'other/telepresence']) {
      writeFileSync(folder(name), '');
      chmodSync(folder(name), 0o755);
    }
    symlinkSync(folder('check out/bin/telepresence'), folder('link/telepresence'));
    return { checkout: folder('check out'), link: folder('link'), other: folder('other') };
  }

  it('is short where the PATH leads to this checkout first', () => {
    const { checkout, link, other } = makeCheckout();
    expect(commandName(checkout, `/nowhere:${link}:${other}`)).toBe('telepresence');
  });

  it('is a path, quoted where needed, where it leads elsewhere or nowhere', () => {
    const { checkout, link, other } = makeCheckout();
    const path = `'${checkout}/bin/telepresence'`;
    expect(commandName(checkout, `${other}:${link}`)).toBe(path);
    expect(commandName(checkout, '')).toBe(path);
  });

  it('quotes what a shell would take apart', () => {
    expect(shellWord('/tmp/a-b_c.1')).toBe('/tmp/a-b_c.1');
    expect(shellWord("it's")).toBe(`'it'\\''s'`);
    expect(shellWord('')).toBe("''");
  });
});
