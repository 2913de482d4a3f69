import { createHash } from 'node:crypto';
import { type TarEntry, tar } from './tar.ts';

export interface ImageOptions {
  /** Reference with a tag, under which loaders file the image. */
  readonly reference: string;
  /** As in `uname`, but in Go's words: amd64, arm64. */
  readonly architecture: string;
  readonly entries: readonly TarEntry[];
  /** `config` of the OCI image configuration. */
  readonly config: Readonly<Record<string, unknown>>;
}

export interface ImageArchive {
  /** What `docker load`, `ctr images import` and `kind load image-archive` read. */
  readonly archive: Buffer;
  readonly layer: Buffer;
  /** Digest of the image's configuration: the image's id. */
  readonly digest: string;
}

/** An image of one layer as a docker-archive. Equal options give equal bytes. */
export function imageArchive(options: ImageOptions): ImageArchive {
  const layer = tar(options.entries);
  const config = JSON.stringify({
    architecture: options.architecture,
    os: 'linux',
    // Reproducible images have no date.
    created: '1970-01-01T00:00:00Z',
    config: options.config,
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
    history: [{ created: '1970-01-01T00:00:00Z', created_by: 'scripts/image.ts' }],
  });
  const digest = sha256(config);
  const manifest = JSON.stringify([{ Config: `${digest}.json`, RepoTags: [options.reference], Layers: ['layer.tar'] }]);
  const file = (path: string, content: Uint8Array): TarEntry => ({ kind: 'file', path, mode: 0o644, content });
  const archive = tar([
    file(`${digest}.json`, Buffer.from(config)),
    file('layer.tar', layer),
    file('manifest.json', Buffer.from(manifest)),
  ]);
  return { archive, layer, digest: `sha256:${digest}` };
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
