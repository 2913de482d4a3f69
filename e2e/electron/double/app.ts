import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { onRequest } from './control.ts';
import { Emitter } from './emitter.ts';

const directory = (name: string) => {
  const found = process.env[name];
  if (found === undefined) throw new Error(`${name} is not set`);
  return found;
};

/** What has to happen before the process may end: the browser's end, a message to the first instance. */
const endings: (() => Promise<unknown>)[] = [];

export function beforeEnd(work: () => Promise<unknown>): void {
  endings.push(work);
}

class App extends Emitter {
  readonly isPackaged = process.env['DOUBLE_IS_PACKAGED'] === '1';
  #isQuitting = false;

  enableSandbox(): void {}
  getVersion(): string {
    return '0.1.0';
  }
  getName(): string {
    return 'telepresence-desktop';
  }
  getAppPath(): string {
    return directory('DOUBLE_APP_PATH');
  }
  getPath(name: string): string {
    if (name === 'home') return homedir();
    if (name === 'exe') return process.execPath;
    if (name === 'userData') return directory('DOUBLE_USER_DATA');
    throw new Error(`The double has no path ${name}`);
  }
  whenReady(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }
  setLoginItemSettings(_settings: { readonly openAtLogin?: boolean; readonly args?: string[] }): void {}
  setAsDefaultProtocolClient(_protocol: string): boolean {
    return true;
  }

  requestSingleInstanceLock(): boolean {
    const userData = this.getPath('userData');
    const lock = join(userData, 'singleton.pid');
    const socketPath = join(userData, 'singleton.sock');
    mkdirSync(userData, { recursive: true });
    if (existsSync(lock) && isAlive(Number(readFileSync(lock, 'utf8')))) {
      const told = new Promise<void>((resolve) => {
        const socket = connect(socketPath, () => socket.end(JSON.stringify(process.argv), () => resolve()));
        socket.on('error', () => resolve());
      });
      beforeEnd(() => told);
      return false;
    }
    writeFileSync(lock, String(process.pid));
    rmSync(socketPath, { force: true });
    const server = createServer((socket) => {
      let text = '';
      socket.on('data', (data) => {
        text += String(data);
      });
      socket.on('end', () => this.tell('second-instance', {}, JSON.parse(text), '/', null));
    });
    server.listen(socketPath);
    server.unref();
    return true;
  }

  quit(): void {
    if (this.#isQuitting) return;
    if (this.ask('before-quit')) return;
    this.#isQuitting = true;
    this.tell('will-quit', { preventDefault: () => undefined });
    void this.#end(0);
  }

  exit(code = 0): void {
    void this.#end(code);
  }

  async #end(code: number): Promise<void> {
    this.tell('quit', {}, code);
    await Promise.allSettled(endings.map((work) => work()));
    process.exit(code);
  }
}

export const app = new App();

onRequest((request) => {
  if (request.kind === 'quit') app.quit();
  else if (request.kind === 'end') app.exit(0);
  else if (request.kind === 'open-url') app.ask('open-url', request.url);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
