// What a sandboxed preload uses of Electron: its own declarations come with Node's, which such a preload does not have.

declare module 'electron' {
  export interface PreloadIpcEvent {
    readonly ports: readonly MessagePort[];
  }
  export const ipcRenderer: {
    on(channel: string, listener: (event: PreloadIpcEvent, payload: unknown) => void): unknown;
    send(channel: string): void;
  };
}
