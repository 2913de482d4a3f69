/** A program of the product that is bundled into one file. */
export interface BundleEntry {
  readonly name: string;
  /** Relative to the checkout. */
  readonly source: string;
  /**
   * Whether V8 may keep compiled code in the user's cache directory. Never for the helper: it runs as root, and would run
   * what somebody else put there. Pods have a read-only file system.
   */
  readonly hasCompileCache: boolean;
  /**
   * Default `module`. A sandboxed preload of Electron cannot be an ES module, and has nothing of Node. A pod's program is text of a
   * ConfigMap, and as small as it can be.
   */
  readonly format?: 'module' | 'preload' | 'pod';
}

export const bundleEntries: readonly BundleEntry[] = [
  { name: 'cli', source: 'cli/main.ts', hasCompileCache: true },
  { name: 'daemon', source: 'daemon/main.ts', hasCompileCache: true },
  { name: 'connection-worker', source: 'daemon/connection/connection-worker.ts', hasCompileCache: true },
  { name: 'nat-worker', source: 'daemon/nat/nat-worker.ts', hasCompileCache: true },
  { name: 'helper', source: 'helper/main.ts', hasCompileCache: false },
  // Electron's own Node; its compile cache would be Electron's to keep.
  { name: 'main', source: 'main/main.ts', hasCompileCache: false },
  { name: 'preload', source: 'main/preload/preload.ts', hasCompileCache: false, format: 'preload' },
  { name: 'manager', source: 'cluster/manager/main.ts', hasCompileCache: false },
  { name: 'agent', source: 'cluster/agent/main.ts', hasCompileCache: false },
  { name: 'sandbox', source: 'sandbox/main.ts', hasCompileCache: false },
  { name: 'sandbox-machine', source: 'sandbox/node/machine-program.ts', hasCompileCache: false },
  // What the sandbox deploys as its demo shop.
  ...['web', 'cart', 'catalogue', 'stock'].map(
    (name): BundleEntry => ({
      name: `shop-${name}`,
      source: `sandbox/shop/${name}.ts`,
      hasCompileCache: false,
      format: 'pod',
    }),
  ),
];

/** Packages with compiled code, which are loaded from node_modules at run time. */
export const nativePackages = ['koffi', 'bufferutil', 'utf-8-validate', 'node-pty'];

/** What a host brings itself: Electron is no package where the app runs. */
export const hostModules = ['electron'];
