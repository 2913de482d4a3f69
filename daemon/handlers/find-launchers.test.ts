import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findLaunchers, listFolders } from './find-launchers.ts';

describe('launchers of a folder', () => {
  let directory: string;
  const write = (name: string, text: string) => {
    mkdirSync(join(directory, '.vscode'), { recursive: true });
    writeFileSync(join(directory, name), text);
  };
  const find = async () => await findLaunchers(directory, { HOME: '/home/me', PORT: '81' });

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'launchers-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('are the scripts of package.json, run by the package manager that the folder uses', async () => {
    write('package.json', '{"scripts": {"dev": "vite", "start now": "node ."}}');
    expect((await find()).map(({ name, command }) => [name, command])).toEqual([
      ['dev', 'npm run dev'],
      ['start now', "npm run 'start now'"],
    ]);
    write('pnpm-lock.yaml', '');
    expect((await find())[0]).toEqual({ kind: 'npm-script', name: 'dev', command: 'pnpm run dev', directory, environment: {} });
  });

  it('are launch configurations of editors, with comments and variables in them', async () => {
    write(
      '.vscode/launch.json',
      `// of the team
      { "configurations": [ /* several */
        { "name": "api", "type": "node", "program": "\${workspaceFolder}/src/a b.js", "args": ["--url", "http://x//y"], "cwd": "sub",
          "env": { "PORT": "\${env:PORT}", "N": 1 }, },
        { "name": "py", "type": "debugpy", "request": "launch", "module": "flask", "args": ["run"] },
        { "name": "pick", "type": "go", "program": "\${file}" },
        { "name": "jvm", "type": "java", "mainClass": "Main" },
        { "name": "on", "type": "node", "request": "attach", "port": 9229 },
      ] }`,
    );
    const [api, py, pick, jvm, on] = await find();
    expect(api).toEqual({
      kind: 'launch-configuration',
      name: 'api',
      command: `node '${directory}/src/a b.js' --url http://x//y`,
      directory: join(directory, 'sub'),
      environment: { PORT: '81', N: '1' },
    });
    expect(py).toMatchObject({ command: 'python3 -m flask run', directory });
    expect(pick?.problem).toContain('${file}');
    expect(jvm?.problem).toContain('java');
    expect(on?.problem).toContain('attaches');
  });

  it('are the lines of a Procfile', async () => {
    write('Procfile', '# processes\nweb: node server.js --port $PORT\nworker: ./work\n');
    expect(await find()).toMatchObject([
      { kind: 'procfile', name: 'web', command: 'node server.js --port $PORT' },
      { kind: 'procfile', name: 'worker' },
    ]);
  });

  it('say what cannot be read, and refuse a folder that is not there', async () => {
    write('package.json', '{');
    expect((await find())[0]?.problem).toContain('cannot be read');
    await expect(findLaunchers('/nowhere', {})).rejects.toMatchObject({ code: 'usage' });
    await expect(findLaunchers('relative', {})).rejects.toMatchObject({ code: 'usage' });
  });

  it('are looked for in folders, of which hidden ones are left out', async () => {
    for (const name of ['b', 'a', '.hidden']) mkdirSync(join(directory, name));
    symlinkSync(join(directory, 'a'), join(directory, 'link'));
    symlinkSync('/nowhere', join(directory, 'broken'));
    write('file', '');
    expect(await listFolders(directory)).toEqual({ directory, parent: tmpdir(), folders: ['a', 'b', 'link'] });
    expect((await listFolders('/')).parent).toBeUndefined();
  });
});
