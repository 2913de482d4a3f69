import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodeRelease, encodeRelease, isOurs, newRelease, withStatus } from './helm-release.ts';
import { formatManifest, parseManifest } from './manifest.ts';
import { renderRelease } from './render-release.ts';

const rendered = renderRelease({
  namespace: 'tools',
  version: '1.2.3',
  imageRegistry: 'registry.example',
  given: { logLevel: 'debug' },
});
const release = newRelease({
  namespace: 'tools',
  version: 3,
  status: 'pending-upgrade',
  description: 'Upgrade under way',
  productVersion: '1.2.3',
  config: rendered.given,
  manifest: rendered.manifest,
  firstDeployed: '2026-01-01T00:00:00Z',
  lastDeployed: '2026-01-02T00:00:00Z',
});

describe('the record of a release', () => {
  it('is what Helm stores: JSON, gzipped, in base64 twice', () => {
    const text = Buffer.from(encodeRelease(release), 'base64').toString();
    const json = JSON.parse(gunzipSync(Buffer.from(text, 'base64')).toString()) as Record<string, unknown>;
    expect(json).toMatchObject({
      name: 'traffic-manager',
      namespace: 'tools',
      version: 3,
      info: { status: 'pending-upgrade', first_deployed: '2026-01-01T00:00:00Z' },
      chart: { metadata: { name: 'telepresence', version: '1.2.3', apiVersion: 'v2' } },
      config: { logLevel: 'debug' },
    });
    expect(decodeRelease(encodeRelease(release))).toEqual(release);
  });

  it('reads records that are not compressed', () => {
    const text = Buffer.from(JSON.stringify(release)).toString('base64');
    expect(decodeRelease(Buffer.from(text).toString('base64'))).toEqual(release);
  });

  it('tells own releases from others', () => {
    expect(isOurs(withStatus(release, 'deployed', 'done'))).toBe(true);
    const other = { ...release, chart: { ...release.chart, metadata: { name: 'telepresence-oss', version: '2.20.0' } } };
    expect(isOurs(other)).toBe(false);
  });

  it('keeps every object in its manifest', () => {
    expect(parseManifest(rendered.manifest)).toEqual(rendered.objects);
    expect(parseManifest(`${formatManifest([])}---\n# nothing\n---\nkind: Incomplete\n`)).toEqual([]);
  });

  it('stores what was set, and not what was derived from the configuration', () => {
    expect(rendered.manifest).toContain('image: registry.example/telepresence-desktop:1.2.3');
    expect(release.config).toEqual({ logLevel: 'debug' });
  });
});
