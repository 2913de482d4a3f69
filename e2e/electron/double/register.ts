import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startControl } from './control.ts';

// Loaded before the app (`node --import`): where that asks for Electron it gets the double.

const double = pathToFileURL(join(import.meta.dirname, 'electron.ts')).href;

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'electron' ? { url: double, format: 'module-typescript', shortCircuit: true } : next(specifier, context),
});

Object.defineProperty(process, 'resourcesPath', { value: process.env['DOUBLE_RESOURCES_PATH'] ?? '/nonexistent' });
startControl();
