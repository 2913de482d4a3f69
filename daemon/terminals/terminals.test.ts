import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import { StateStore } from '../state/state-store.ts';
import { type TerminalRequest, Terminals } from './terminals.ts';

const soon = { timeout: 10_000, interval: 20 };

describe('terminals', () => {
  let directory: string;
  let state: StateStore;
  let terminals: Terminals;

  const make = (env: Record<string, string> = {}) =>
    new Terminals({
      state,
      logger: silentLogger,
      directory: join(directory, 'terminals'),
      env: { PATH: process.env['PATH'], HOME: directory, SHELL: '/bin/bash', LANG: 'C.UTF-8', ...env },
    });

  const open = async (request: Partial<TerminalRequest> = {}) =>
    await terminals.open({
      columns: 80,
      rows: 24,
      directory,
      command: undefined,
      place: undefined,
      engagement: undefined,
      ...request,
    });

  /** A client that draws at once, unless it is told not to. */
  const attach = (id: string, isDrawing = true) => {
    const stop = new AbortController();
    const client = {
      screen: '',
      text: '',
      sizes: [] as string[],
      exitCode: undefined as number | undefined,
      attachment: '',
      unread: 0,
      stop,
      done: Promise.resolve(),
    };
    client.done = terminals.session(id).attach((event) => {
      if (event.kind === 'screen') {
        client.screen = event.data;
        client.attachment = event.attachment;
        client.sizes.push(`${event.columns}x${event.rows}`);
      } else if (event.kind === 'size') client.sizes.push(`${event.columns}x${event.rows}`);
      else if (event.kind === 'exit') client.exitCode = event.exitCode;
      else {
        client.text = (client.text + event.data).slice(-200_000);
        client.unread += event.data.length;
        if (isDrawing) terminals.session(id).acknowledge(client.attachment, event.data.length);
      }
    }, stop.signal);
    return client;
  };

  const shown = (client: { screen: string; text: string }) => client.screen + client.text;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'terminals-'));
    state = new StateStore({ version: '1', capabilities: [], pid: 1, executable: '', installId: '', startedAt: '' });
    terminals = make();
  });

  afterEach(async () => {
    await terminals.end();
    rmSync(directory, { recursive: true, force: true });
  });

  it('run the shell, echo what is typed, and end with its exit code', async () => {
    const { id } = await open();
    const client = attach(id);
    terminals.session(id).write('echo $((6*7))-answer\n');
    await expect.poll(() => shown(client), soon).toContain('42-answer');
    terminals.session(id).write('exit 7\n');
    await client.done;
    expect(client.exitCode).toBe(7);
    expect(state.state.terminals[id]).toMatchObject({ exitCode: 7, directory });
    const late = attach(id);
    await late.done;
    expect(late.screen).toContain('42-answer');
    expect(late.exitCode).toBe(7);
  });

  it('tell 128 and the number of the signal that ended the program', async () => {
    const { id } = await open({ command: ['sh', '-c', 'kill -TERM $$'] });
    await expect.poll(() => state.state.terminals[id]?.exitCode, soon).toBe(143);
  });

  it('tell the program of a new size, and the other clients too', async () => {
    const { id } = await open();
    const [one, two] = [attach(id), attach(id)];
    terminals.session(id).resize(111, 33);
    await expect.poll(() => two.sizes, soon).toEqual(['80x24', '111x33']);
    terminals.session(id).write('stty size\n');
    await expect.poll(() => shown(one), soon).toContain('33 111');
  });

  it('show two clients the same, and let both type', async () => {
    const { id } = await open();
    const [one, two] = [attach(id), attach(id)];
    terminals.session(id).write('A=from-');
    await expect.poll(() => shown(two), soon).toContain('A=from-');
    terminals.session(id).write('both; echo "<$A>"\n');
    await expect.poll(() => shown(one).includes('<from-both>') && shown(two).includes('<from-both>'), soon).toBe(true);
    one.stop.abort();
    await one.done;
    terminals.session(id).write('echo still-$((1+1))\n');
    await expect.poll(() => shown(two), soon).toContain('still-2');
    expect(shown(one)).not.toContain('still-2');
  });

  it('show who joins later the screen with its colours and up to 10,000 lines above it', async () => {
    const { id } = await open({
      command: ['sh', '-c', 'seq 1 20000; printf "\\033[1;38;2;1;2;3mrgb\\033[0m \\033[91mred\\033[m"; cat'],
    });
    const first = attach(id);
    await expect.poll(() => shown(first), soon).toContain('red');
    const late = attach(id);
    await expect.poll(() => late.screen, soon).toContain('\x1b[0;1;38;2;1;2;3mrgb');
    expect(late.screen).toContain('\x1b[0;91mred');
    const lines = late.screen.split('\r\n');
    expect(lines).toHaveLength(10_024);
    expect(lines[0]).toBe('9978');
    expect(lines.at(-2)).toBe('20000');
  });

  it('show who joins later the full-screen program, and the modes that it has set', async () => {
    const script = 'echo before; printf "\\033[?1049h\\033[2J\\033[3;5Hfull\\033[?25l\\033[?1002h\\033[?1006h\\033[?2004h"; cat';
    const { id } = await open({ command: ['sh', '-c', script] });
    const first = attach(id);
    await expect.poll(() => shown(first), soon).toContain('full');
    const late = attach(id);
    await expect.poll(() => late.screen, soon).toContain('\x1b[?1049h');
    for (const part of ['before', 'full', '\x1b[?25l', '\x1b[?1002h', '\x1b[?1006h', '\x1b[?2004h'])
      expect(late.screen).toContain(part);
  });

  it('answer what a program asks its terminal, once, however many clients there are', async () => {
    const script = 'stty raw -echo; printf "\\033[6n"; dd bs=1 count=6 2>/dev/null | od -An -c; stty sane; echo done; cat';
    const { id } = await open({ command: ['sh', '-c', script] });
    const [one, two] = [attach(id), attach(id)];
    await expect.poll(() => shown(one), soon).toContain('done');
    expect(shown(one)).toMatch(/033\s+\[\s+1\s+;\s+1\s+R/);
    expect(shown(one) + shown(two)).not.toContain('\x1b[6n');
  });

  it('hold back a program whose client does not draw, without memory growing or others waiting', async () => {
    const { id } = await open({ command: ['yes', 'a line of some length, as logs have them'] });
    const slow = attach(id, false);
    await expect.poll(() => slow.unread, soon).toBeGreaterThan(256 * 1024);
    await sleep(200);
    const before = slow.unread;
    await sleep(200);
    expect(slow.unread).toBe(before);
    expect(before).toBeLessThan(512 * 1024);
    terminals.session(id).acknowledge(slow.attachment, before);
    await expect.poll(() => slow.unread, soon).toBeGreaterThan(before);
    slow.stop.abort();
    await slow.done;

    // Nobody looks any more: it prints as fast as it can, and the next one is served all the same.
    const rss = process.memoryUsage().rss;
    const { id: other } = await open();
    const client = attach(other);
    for (let round = 1; round <= 20; round += 1) {
      terminals.session(other).write(`echo quick-$((${round}+1000))\n`);
      await expect.poll(() => shown(client), soon).toContain(`quick-${1000 + round}`);
    }
    expect(process.memoryUsage().rss - rss).toBeLessThan(150 * 1024 * 1024);
  });

  it('end what runs in them when they are closed, even what ignores the hang-up', async () => {
    const { id } = await open();
    const client = attach(id);
    terminals.session(id).write(`(trap "" HUP; echo $BASHPID > ${directory}/pid; while :; do sleep 1; done) & echo start''ed\n`);
    await expect.poll(() => shown(client), soon).toContain('started');
    await expect.poll(() => existsSync(`${directory}/pid`) && readFileSync(`${directory}/pid`, 'utf8') !== '', soon).toBe(true);
    const pid = Number(readFileSync(`${directory}/pid`, 'utf8'));
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    await terminals.close(id);
    await client.done;
    await expect.poll(() => existsSync(`/proc/${pid}`), soon).toBe(false);
    expect(state.state.terminals).toEqual({});
    expect(() => terminals.session(id)).toThrow('There is no terminal');
  });

  it('have the kubeconfig, context and namespace of the connection, and its badge in front of the prompt', async () => {
    const kubeconfig = join(directory, 'config');
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        'current-context': 'other',
        clusters: [{ name: 'c', cluster: { server: 'https://c', 'certificate-authority': 'ca.crt' } }],
        users: [{ name: 'u', user: { tokenFile: 'token' } }],
        contexts: [
          { name: 'staging', context: { cluster: 'c', user: 'u', namespace: 'first' } },
          { name: 'other', context: { cluster: 'c', user: 'u' } },
        ],
      }),
    );
    writeFileSync(join(directory, '.bashrc'), 'PS1="mine> "; PROMPT_COMMAND=true');
    const { id } = await open({
      place: {
        connection: 'one',
        context: 'staging',
        namespace: 'shop',
        kubeconfig: { kubeFlags: { context: 'staging', as: 'jane' }, kubeconfigEnv: kubeconfig },
      },
      engagement: { name: 'cart', environment: { SECRET: 'of the workload', PATH: '/nowhere' } },
    });
    const client = attach(id);
    await expect.poll(() => shown(client), soon).toContain('[staging/shop]\x1b[0m mine> ');
    terminals.session(id).write('cp $KUBECONFIG copy; echo "$SECRET,$TELEPRESENCE_NAMESPACE"; echo $KUBECONFIG > where\n');
    await expect.poll(() => shown(client), soon).toContain('of the workload,shop');
    await expect
      .poll(() => existsSync(join(directory, 'where')) && readFileSync(join(directory, 'where'), 'utf8'), soon)
      .toContain('kubeconfig');
    const written = readFileSync(join(directory, 'where'), 'utf8').trim();
    expect(statSync(written).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(written, 'utf8'))).toMatchObject({
      'current-context': 'staging',
      clusters: [{ name: 'c', cluster: { 'certificate-authority': join(directory, 'ca.crt') } }],
      users: [
        { name: 'u', user: { tokenFile: join(directory, 'token') } },
        { name: 'telepresence', user: { tokenFile: join(directory, 'token'), as: 'jane' } },
      ],
      contexts: [
        { name: 'other', context: { cluster: 'c', user: 'u' } },
        { name: 'staging', context: { cluster: 'c', user: 'telepresence', namespace: 'shop' } },
      ],
    });
    expect(state.state.terminals[id]).toMatchObject({ connection: 'one', engagement: 'cart' });
    terminals.session(id).write('exit\n');
    await client.done;
    await expect.poll(() => existsSync(written), soon).toBe(false);
    expect(readdirSync(join(directory, 'terminals'))).toEqual([]);
  });

  it('refuse a folder and a program that are not there', async () => {
    await expect(open({ directory: '/nowhere' })).rejects.toMatchObject({ code: 'usage' });
    await expect(open({ command: ['no-such-program'] })).rejects.toMatchObject({ code: 'not-found' });
    expect(state.state.terminals).toEqual({});
  });

  it('remove the credentials that a killed daemon has left', () => {
    const left = join(directory, 'terminals', 'former', 'kubeconfig');
    mkdirSync(dirname(left), { recursive: true });
    writeFileSync(left, 'secret');
    make();
    expect(existsSync(left)).toBe(false);
  });

  it('are called as who opens them says, else by their program', async () => {
    const command = ['sh', '-c', 'sleep 100'];
    expect(await open({ command })).toMatchObject({ title: 'sh' });
    expect(await open({ command, title: 'cart' })).toMatchObject({ title: 'cart' });
  });

  it('take the title that their program gives them', async () => {
    const { id } = await open({ command: ['sh', '-c', 'printf "\\033]0;my ti"; printf "tle\\007"; cat'] });
    await expect.poll(() => state.state.terminals[id]?.title, soon).toBe('my title');
  });
});
