import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { productVersion } from '../base/common/version.ts';
import { imageArchive } from '../cluster/image/image-archive.ts';
import { appDirectory, nftPath, nodePath, rootFiles } from '../cluster/image/root-files.ts';
import { defaultImageName, defaultImageRegistry } from '../protocol/chart/values.ts';
import { checkout, distDirectory } from './checkout.ts';

/**
 * node scripts/image.ts [--reference NAME:TAG] [--program FILE] [--agent-program FILE] [--out FILE]
 *
 * Assembles the image that traffic-manager, traffic-agent and init container run, as an archive for `docker load`,
 * `ctr images import` and `kind load image-archive`. Nothing is pulled and no container engine is needed: the file system is this
 * checkout's Node, this machine's nft, which programs the redirects of pods, and the bundles `dist/manager.js` and `dist/agent.js`, which
 * `npm run build` makes. The same inputs give the same digest.
 */
const reference = option('--reference') ?? `${defaultImageRegistry}/${defaultImageName}:${productVersion}`;
const program = option('--program') ?? join(distDirectory, 'manager.js');
const agentProgram = option('--agent-program') ?? join(distDirectory, 'agent.js');
const out = option('--out') ?? join(distDirectory, 'image', 'telepresence-desktop.tar');
const nodeBinary = realpathSync(join(checkout, 'node_modules/node/bin/node'));

/** What is loaded of koffi, by which programs that rest return memory. */
const koffiFiles = [
  ...filesOf('node_modules/koffi', /^(package\.json|index\.cjs|src\/koffi\/.*\.cjs)$/),
  ...filesOf(`node_modules/@koromix/koffi-linux-${process.arch}`, /^(package\.json|index\.js|linux_\w+\/koffi\.node)$/),
];

if (process.platform !== 'linux') fail('The image is assembled from Linux programs: run this on Linux');
for (const file of [program, agentProgram]) if (!existsSync(file)) fail(`${file} does not exist: run "npm run build" first`);
if (!existsSync(nftPath)) fail(`${nftPath} does not exist: install the package nftables`);

const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? process.arch;
const { archive, layer, digest } = imageArchive({
  reference,
  architecture,
  entries: rootFiles(
    nodeBinary,
    new Map([
      ['manager.js', readFileSync(program)],
      ['agent.js', readFileSync(agentProgram)],
      // Says that they are ES modules, so that Node need not find out.
      ['package.json', Buffer.from('{"type":"module"}\n')],
      ...koffiFiles.map((file) => [file, readFileSync(join(checkout, file))] as const),
    ]),
  ),
  config: {
    User: '1000:1000',
    // Its heap grows in small steps: with 1,000 workloads, 50 laptops and 200 agents it has 72 MiB of its own instead of 130 to 160.
    Entrypoint: [nodePath, '--heap-growing-percent=20', `${appDirectory}/manager.js`],
    WorkingDir: appDirectory,
    // One malloc arena and a small young generation: 69 MiB idle instead of 73, 140 MiB at the peak of bulk loads instead of 186.
    Env: ['NODE_ENV=production', 'NODE_NO_WARNINGS=1', 'HOME=/tmp', 'MALLOC_ARENA_MAX=1', 'NODE_OPTIONS=--max-semi-space-size=1'],
    Labels: { 'org.opencontainers.image.title': defaultImageName, 'org.opencontainers.image.version': productVersion },
  },
});
mkdirSync(join(out, '..'), { recursive: true });
writeFileSync(out, archive);
const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
console.log(`${reference}  ${mebibytes(layer.length)}, ${mebibytes(gzipSync(layer).length)} compressed`);
console.log(`${digest}  ${out}`);

function option(name: string): string | undefined {
  const index = process.argv.indexOf(name);
  return index === -1 ? undefined : (process.argv[index + 1] ?? fail(`${name} wants a value`));
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

/** Those of a package whose path in it fits, relative to the checkout, in the same order everywhere. */
function filesOf(directory: string, wanted: RegExp): readonly string[] {
  const files = readdirSync(join(checkout, directory), { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => wanted.test(file))
    .toSorted()
    .map((file) => `${directory}/${file}`);
}
