import { imageReference } from '#protocol/chart/deployment.ts';
import { chartValues } from '#protocol/chart/values.ts';
import type { ImageOptions } from './images.ts';

/** Where the programs of this machine are that images are made of. */
export interface ProgramPaths {
  /** The Node binary that the product ships with. */
  readonly node: string;
  /** Folder of the bundles `manager.js` and `agent.js`, and of the shop's programs. */
  readonly bundles: string;
}

const nodeEnvironment = { NODE_ENV: 'production', NODE_NO_WARNINGS: '1', HOME: '/tmp' };

/** Name of the product's own image. */
export function productImage(version: string): string {
  return imageReference(chartValues.parse({}), version);
}

/** Images that every sandbox has: the product's own, as `scripts/image.ts` assembles it, and a plain Node. */
export function builtInImages({ node, bundles }: ProgramPaths, version: string): Readonly<Record<string, ImageOptions>> {
  return {
    [productImage(version)]: {
      entrypoint: ['/usr/bin/node', '/app/manager.js'],
      workingDirectory: '/app',
      user: { uid: 1000, gid: 1000 },
      env: { ...nodeEnvironment, MALLOC_ARENA_MAX: '1', NODE_OPTIONS: '--max-semi-space-size=1' },
      files: {
        '/usr/bin/node': node,
        '/app/manager.js': `${bundles}/manager.js`,
        '/app/agent.js': `${bundles}/agent.js`,
      },
    },
    'localhost/node:24': { arguments: ['node'], files: { '/usr/bin/node': node } },
  };
}
