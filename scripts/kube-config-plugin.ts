import type { Plugin } from 'esbuild';

const virtualName = 'kube-generated-parts';

/**
 * Takes the generated API of the Kubernetes library out of bundles.
 *
 * `dist/config.js` imports `createConfiguration` and `ServerConfiguration` from `gen/index.js`, which re-exports about 700
 * modules: every model and every call. The library does not say that its modules have no side effects, so a bundler has to
 * keep them all. Only `KubeConfig.makeApiClient`, which this product does not call, needs more than the two modules that
 * define these names. May go when the library says `"sideEffects": false`, or imports the two modules itself.
 */
export function kubeConfigPlugin(): Plugin {
  return {
    name: 'kube-config',
    setup(build) {
      build.onResolve({ filter: /^\.\/gen\/index\.js$/ }, ({ importer, resolveDir }) =>
        /[/\\]@kubernetes[/\\]client-node[/\\]dist[/\\]config\.js$/.test(importer)
          ? { path: virtualName, namespace: virtualName, pluginData: resolveDir }
          : undefined,
      );
      build.onLoad({ filter: /.*/, namespace: virtualName }, ({ pluginData }) => ({
        contents: `export { createConfiguration } from './gen/configuration.js';\nexport { ServerConfiguration } from './gen/servers.js';\n`,
        resolveDir: pluginData as string,
      }));
    },
  };
}
