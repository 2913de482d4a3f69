import type { Plugin } from 'esbuild';

const namespace = 'kube-config';

const generatedParts = `
export { createConfiguration } from './gen/configuration.js';
export { ServerConfiguration } from './gen/servers.js';
`;

const undiciStub = `
class NotBundled {
  constructor() {
    throw new Error('undici is not in this bundle: see scripts/kube-config-plugin.ts');
  }
}
export { NotBundled as Agent, NotBundled as ProxyAgent };
export const fetch = () => new NotBundled();
`;

/**
 * Keeps what `KubeConfig` does not need out of bundles: of 1,004 modules 63 remain.
 *
 * The product takes only `KubeConfig` from the Kubernetes library, and of it what reads kubeconfigs and makes TLS options and
 * headers. `dist/config.js` imports more, all of it for `makeApiClient` and `applySecurityAuthentication`:
 *
 * - `createConfiguration` and `ServerConfiguration` from `gen/index.js`, which re-exports every model and every call. The
 *   library does not say that its modules have no side effects, so a bundler keeps them all. The two modules that define
 *   these names take the place of the index.
 * - `undici`, an HTTP client beside Node's own. A stub takes its place, which throws when it is used after all.
 *
 * Measured on Node 24, medians: the library's file alone 342 ms and 80 MiB resident; bundled 60 ms and 35 MiB; without the
 * generated calls 47 ms and 27 MiB; without undici, too, 29 ms and 22 MiB. May go when the library loads these parts only
 * where they are used.
 */
export function kubeConfigPlugin(): Plugin {
  return {
    name: 'kube-config',
    setup(build) {
      const isInLibrary = (importer: string) => /[/\\]@kubernetes[/\\]client-node[/\\]dist[/\\]/.test(importer);
      build.onResolve({ filter: /^\.\/gen\/index\.js$/ }, ({ importer, resolveDir }) =>
        isInLibrary(importer) ? { path: 'generated-parts', namespace, pluginData: resolveDir } : undefined,
      );
      build.onResolve({ filter: /^undici$/ }, ({ importer }) =>
        isInLibrary(importer) ? { path: 'undici', namespace } : undefined,
      );
      build.onLoad({ filter: /^generated-parts$/, namespace }, ({ pluginData }) => ({
        contents: generatedParts,
        resolveDir: pluginData as string,
      }));
      build.onLoad({ filter: /^undici$/, namespace }, () => ({ contents: undiciStub }));
    },
  };
}
