import { Emitter } from './emitter.ts';

export const ipcMain = new Emitter();
