import { builtinModules } from 'node:module';
import type { Plugin } from 'esbuild';

const namespace = 'builtin';

/**
 * Takes Node's own modules by `process.getBuiltinModule`. An `import` of one reads every property that it has, to offer it by name, and some of
 * those are loaded when they are read: `node:http` has a `WebSocket`, and with it all of undici, which costs a program a fifth of its
 * start-up, and each of its threads the memory.
 */
export function builtinModulesPlugin(): Plugin {
  return {
    name: 'builtin-modules',
    setup: ({ onResolve, onLoad }) => {
      onResolve({ filter: /^(node:)?[a-z_]+(\/[a-z]+)?$/ }, ({ path }) => {
        const name = path.replace(/^node:/, '');
        const isBuiltin = path.startsWith('node:') || builtinModules.includes(name);
        return isBuiltin ? { path: `node:${name}`, namespace, sideEffects: false } : undefined;
      });
      onLoad({ filter: /.*/, namespace }, ({ path }) => ({
        contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
        loader: 'js',
      }));
    },
  };
}
