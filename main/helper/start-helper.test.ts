import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { helperQuestionText, isSameCommand } from './helper-question.ts';
import { type HelperStart, helperStartCommand, startHelper } from './start-helper.ts';

const directory = mkdtempSync(join(tmpdir(), 'start-helper-'));
afterAll(() => rmSync(directory, { recursive: true }));

test('shows the very command that it runs', () => {
  const start = startOf('helper.js', '');
  const command = helperStartCommand(start);
  expect(command).toEqual([process.execPath, start.helperScript, '--instance', '0123456789ab', '--uid', '1000', '--detach']);
  const text = helperQuestionText({
    command,
    paths: [{ path: '/run/telepresence', purpose: 'its socket' }],
    changes: ['routes'],
  });
  expect(text).toContain(command.join(' '));
  expect(text).toContain('• /run/telepresence: its socket');
  expect(isSameCommand(command, helperStartCommand(start))).toBe(true);
  expect(isSameCommand([...command, '--more'], command)).toBe(false);
});

test('is done when the helper listens', async () => {
  // It goes on in the background, as the helper does, and ends after the first look at it.
  const listener = `require('node:net').createServer((socket) => socket.on('close', () => process.exit())).listen(process.argv[1])`;
  const start = startOf(
    'listening.cjs',
    `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(listener)}, ${JSON.stringify(socketPath())}], { detached: true, stdio: 'ignore' }).unref();`,
  );
  await startHelper(start);
});

test('says what the helper said when it does not start', async () => {
  const start = startOf('failing.cjs', `console.error('there is no TUN device'); process.exit(7);`);
  await expect(startHelper({ ...start, socketPath: join(directory, 'none.sock') })).rejects.toMatchObject({
    code: 'helper.not-running',
    reason: 'there is no TUN device',
  });
});

function startOf(name: string, script: string): HelperStart {
  const helperScript = join(directory, name);
  writeFileSync(helperScript, script);
  return {
    nodePath: process.execPath,
    helperScript,
    instance: '0123456789ab',
    uid: 1_000,
    asRoot: true,
    socketPath: socketPath(),
  };
}

function socketPath(): string {
  return join(directory, 'helper.sock');
}
