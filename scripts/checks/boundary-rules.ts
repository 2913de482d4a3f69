/** What the modules of one folder may import. The first rule whose folder fits a path is the one that counts. */
export interface BoundaryRule {
  readonly folder: string;
  /** Folders beside its own. */
  readonly folders: readonly string[];
  readonly isNodeAllowed: boolean;
  /** Names of packages; `dependencies` = every package that ships with the product. Tests may use `devDependencies`, too. */
  readonly packages: readonly string[] | 'dependencies' | 'all';
  /** What the process that runs the folder's code brings itself, so that it is no dependency that ships. */
  readonly hostPackages?: readonly string[];
  /** Tools reach into other folders by relative paths. */
  readonly isTool?: boolean;
}

const libraries = ['base', 'protocol', 'net'];

/** Section "Folders" of docs/architecture.md says the same in words. */
export const boundaryRules: readonly BoundaryRule[] = [
  { folder: 'base/common', folders: [], isNodeAllowed: false, packages: [] },
  { folder: 'base/node', folders: ['base', 'protocol'], isNodeAllowed: true, packages: ['koffi', 'pino'] },
  {
    folder: 'protocol',
    folders: ['base/common'],
    isNodeAllowed: false,
    packages: ['zod', '@bufbuild/protobuf', '@connectrpc/connect'],
  },
  { folder: 'net', folders: ['base', 'protocol'], isNodeAllowed: true, packages: 'dependencies' },
  // The helper runs as root: what it loads is a security boundary.
  { folder: 'helper', folders: ['base', 'protocol'], isNodeAllowed: true, packages: ['koffi', 'zod'] },
  { folder: 'daemon', folders: libraries, isNodeAllowed: true, packages: 'dependencies' },
  { folder: 'cli', folders: libraries, isNodeAllowed: true, packages: 'dependencies' },
  // The injector is a part of the traffic-manager's process with a life of its own.
  { folder: 'cluster/manager', folders: [...libraries, 'cluster/injector'], isNodeAllowed: true, packages: 'dependencies' },
  { folder: 'cluster/agent', folders: libraries, isNodeAllowed: true, packages: 'dependencies' },
  { folder: 'cluster/injector', folders: libraries, isNodeAllowed: true, packages: 'dependencies' },
  // Runs where the image is built, never in it.
  { folder: 'cluster/image', folders: libraries, isNodeAllowed: true, packages: 'all' },
  { folder: 'main', folders: libraries, isNodeAllowed: true, packages: 'dependencies', hostPackages: ['electron'] },
  { folder: 'renderer', folders: ['base/common', 'protocol', 'net/rpc'], isNodeAllowed: false, packages: 'dependencies' },
  { folder: 'sandbox', folders: libraries, isNodeAllowed: true, packages: 'all' },
  { folder: 'e2e', folders: [...libraries, 'sandbox'], isNodeAllowed: true, packages: 'all' },
  { folder: 'bench', folders: [...libraries, 'sandbox', 'e2e'], isNodeAllowed: true, packages: 'all', isTool: true },
  {
    folder: 'scripts',
    folders: ['base', 'protocol', 'net', 'cluster/image', 'e2e'],
    isNodeAllowed: true,
    packages: 'all',
    isTool: true,
  },
];
