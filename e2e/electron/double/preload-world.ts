import { readFileSync } from 'node:fs';
import type { CDPSession } from 'playwright-core';
import { type MessagePortMain, otherEnd } from './message-ports.ts';

/** What the page's side says. */
type FromPage =
  | { readonly kind: 'send'; readonly channel: string }
  | { readonly kind: 'port-message'; readonly port: number; readonly data: unknown }
  | { readonly kind: 'port-close'; readonly port: number };

const worldName = 'preload';
const binding = 'toElectronDouble';

/** The world of a page in which its preload runs, apart from the page's own scripts, and the way between it and main. */
export class PreloadWorld {
  readonly #cdp: CDPSession;
  readonly #onSend: (channel: string) => void;
  readonly #ports = new Map<number, MessagePortMain>();
  #contextId: number | undefined;
  #lastPort = 0;

  constructor(cdp: CDPSession, onSend: (channel: string) => void) {
    this.#cdp = cdp;
    this.#onSend = onSend;
  }

  async start(preload: string): Promise<void> {
    this.#cdp.on('Runtime.executionContextCreated', ({ context }) => {
      if (context.name !== worldName) return;
      this.#endPorts();
      this.#contextId = context.id;
    });
    this.#cdp.on('Runtime.bindingCalled', ({ name, payload, executionContextId }) => {
      if (name === binding && executionContextId === this.#contextId) this.#receive(JSON.parse(payload) as FromPage);
    });
    await this.#cdp.send('Page.enable');
    await this.#cdp.send('Runtime.enable');
    await this.#cdp.send('Runtime.addBinding', { name: binding, executionContextName: worldName });
    const source = worldSource(readFileSync(preload, 'utf8'));
    await this.#cdp.send('Page.addScriptToEvaluateOnNewDocument', { source, worldName });
  }

  post(channel: string, message: unknown, transferred: readonly MessagePortMain[]): void {
    const ports = transferred.map((port) => {
      this.#lastPort += 1;
      const id = this.#lastPort;
      const kept = otherEnd(port);
      this.#ports.set(id, kept);
      kept.attach({
        send: (data) => this.#tell({ kind: 'port-message', port: id, data }),
        close: () => this.#tell({ kind: 'port-close', port: id }),
      });
      return id;
    });
    this.#tell({ kind: 'post', channel, message, ports });
  }

  ended(): void {
    this.#contextId = undefined;
    this.#endPorts();
  }

  #endPorts(): void {
    const ports = [...this.#ports.values()];
    this.#ports.clear();
    for (const port of ports) port.ended();
  }

  #receive(message: FromPage): void {
    if (message.kind === 'send') this.#onSend(message.channel);
    else if (message.kind === 'port-message') this.#ports.get(message.port)?.deliver(message.data);
    else {
      this.#ports.get(message.port)?.ended();
      this.#ports.delete(message.port);
    }
  }

  #tell(message: object): void {
    if (this.#contextId === undefined) return;
    const expression = `fromElectronDouble(${JSON.stringify(JSON.stringify(message))})`;
    // A page that has just gone hears nothing any more.
    this.#cdp.send('Runtime.evaluate', { expression, contextId: this.#contextId }).catch(() => undefined);
  }
}

function worldSource(preload: string): string {
  return `(() => {
  if (window.top !== window) return;
  const toMain = (message) => ${binding}(JSON.stringify(message));
  const listeners = new Map();
  const ports = new Map();
  const ipcRenderer = {
    on(channel, listener) { listeners.set(channel, [...(listeners.get(channel) ?? []), listener]); return ipcRenderer; },
    send(channel) { toMain({ kind: 'send', channel }); },
  };
  globalThis.fromElectronDouble = (text) => {
    const message = JSON.parse(text);
    if (message.kind === 'port-message') { ports.get(message.port)?.postMessage(message.data); return; }
    if (message.kind === 'port-close') { ports.get(message.port)?.close(); ports.delete(message.port); return; }
    const transferred = message.ports.map((id) => {
      const { port1, port2 } = new MessageChannel();
      ports.set(id, port1);
      port1.onmessage = ({ data }) => toMain({ kind: 'port-message', port: id, data });
      port1.onclose = () => toMain({ kind: 'port-close', port: id });
      return port2;
    });
    for (const listener of listeners.get(message.channel) ?? []) listener({ ports: transferred }, message.message);
  };
  const module = { exports: {} };
  const require = (name) => { if (name === 'electron') return { ipcRenderer }; throw new Error('A sandboxed preload has no ' + name); };
  (function (require, module, exports) {${preload}
  })(require, module, module.exports);
})();`;
}
