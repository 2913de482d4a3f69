import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { chromiumFlags, chromiumProgram } from '../base/node/chromium.ts';
import { checkout } from './checkout.ts';

// node scripts/draw-icons.ts: draws assets/drawn/ from the SVG sources in assets/, with Chromium. The results are checked in, for the
// machines that package for macOS and Windows need no browser then.

const sources = join(checkout, 'assets');
const drawn = join(sources, 'drawn');

/** Digits as squares of three by five; `many` is a plus. */
const glyphs: Readonly<Record<string, readonly string[]>> = {
  '1': [' # ', '## ', ' # ', ' # ', '###'],
  '2': ['###', '  #', '###', '#  ', '###'],
  '3': ['###', '  #', '###', '  #', '###'],
  '4': ['# #', '# #', '###', '  #', '  #'],
  '5': ['###', '#  ', '###', '  #', '###'],
  '6': ['###', '#  ', '###', '# #', '###'],
  '7': ['###', '  #', '  #', '  #', '  #'],
  '8': ['###', '# #', '###', '# #', '###'],
  '9': ['###', '# #', '###', '  #', '###'],
  many: ['   ', ' # ', '###', ' # ', '   '],
};
/** Side of one square, in units of the icon's sixteen. */
const glyphUnit = 2;

const shapes = ['off', 'connecting', 'on', 'paused', 'trouble', 'key'];
const appSizes = [16, 24, 32, 48, 64, 128, 256, 512, 1024];

/** Colours of icons for dark and light panels; a template is black, and the system colours it. */
const colors = { dark: '#ffffff', light: '#1f1f1f', template: '#000000' };

rmSync(drawn, { recursive: true, force: true });
mkdirSync(join(drawn, 'tray'), { recursive: true });
const chromiumBrowser = await chromium.launch({
  executablePath: chromiumProgram,
  args: [...chromiumFlags, '--force-color-profile=srgb'],
});
try {
  await drawTray(chromiumBrowser);
  await drawApp(chromiumBrowser);
} finally {
  await chromiumBrowser.close();
}

async function drawTray(browser: Browser): Promise<void> {
  for (const [name, svg] of trayIcons()) {
    const draw = (color: string, size: number) => drawPng(browser, svg.replace('<svg ', `<svg color="${color}" `), size);
    write(`tray/${name}Template.png`, await draw(colors.template, 16));
    write(`tray/${name}Template@2x.png`, await draw(colors.template, 32));
    for (const theme of ['dark', 'light'] as const) {
      const pngs = await Promise.all([16, 32].map(async (size) => ({ size, png: await draw(colors[theme], size) })));
      write(`tray/${name}-${theme}.ico`, ico(pngs));
      write(`tray/${name}-${theme}.png`, await draw(colors[theme], 32));
    }
  }
}

function trayIcons(): readonly (readonly [string, string])[] {
  const read = (shape: string) => readFileSync(join(sources, 'tray', `${shape}.svg`), 'utf8');
  const engaged = read('engaged');
  return [
    ...shapes.map((shape) => [shape, read(shape)] as const),
    ...Object.entries(glyphs).map(([count, rows]) => [`engaged-${count}`, engaged.replace('{count}', glyphPath(rows))] as const),
  ];
}

function glyphPath(rows: readonly string[]): string {
  const left = (16 - 3 * glyphUnit) / 2;
  const top = (16 - 5 * glyphUnit) / 2;
  return rows
    .flatMap((row, y) =>
      [...row].map((square, x) =>
        square === '#' ? `M${left + x * glyphUnit} ${top + y * glyphUnit}h${glyphUnit}v${glyphUnit}h-${glyphUnit}z` : '',
      ),
    )
    .join('');
}

async function drawApp(browser: Browser): Promise<void> {
  const svg = readFileSync(join(sources, 'app/app.svg'), 'utf8');
  const pngs = new Map<number, Buffer>();
  for (const size of appSizes) pngs.set(size, await drawPng(browser, svg, size));
  const png = (size: number) => pngs.get(size) ?? Buffer.alloc(0);
  // Names by size, as electron-builder looks for them on Linux.
  for (const size of [16, 32, 48, 64, 128, 256, 512]) write(`app/${size}x${size}.png`, png(size));
  write('app-256.png', png(256));
  write('app.ico', ico([16, 24, 32, 48, 64, 256].map((size) => ({ size, png: png(size) }))));
  write('app.icns', icns(png));
}

async function drawPng(browser: Browser, svg: string, size: number): Promise<Buffer> {
  const page = await browser.newPage({ viewport: { width: size, height: size }, deviceScaleFactor: 1 });
  try {
    await page.setContent(`<style>*{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${svg}`);
    return await page.screenshot({ type: 'png', omitBackground: true });
  } finally {
    await page.close();
  }
}

/**
 * ```
 * 0 reserved (2) | 1 type: icon (2) | count (2)
 * each: width (1) | height (1) | 0 colours, 0 reserved (2) | planes (2) | bits (2) | bytes (4) | offset (4)
 * PNG files
 * ```
 */
function ico(images: readonly { readonly size: number; readonly png: Buffer }[]): Buffer {
  const header = Buffer.alloc(6 + 16 * images.length);
  header.writeUInt16LE(1, 2);
  header.writeUInt16LE(images.length, 4);
  let offset = header.length;
  for (const [index, { size, png }] of images.entries()) {
    const at = 6 + 16 * index;
    // 256 is written as 0.
    header.writeUInt8(size % 256, at);
    header.writeUInt8(size % 256, at + 1);
    header.writeUInt16LE(1, at + 4);
    header.writeUInt16LE(32, at + 6);
    header.writeUInt32LE(png.length, at + 8);
    header.writeUInt32LE(offset, at + 12);
    offset += png.length;
  }
  return Buffer.concat([header, ...images.map(({ png }) => png)]);
}

/** Apple's container: `icns`, its length, then type, length and PNG of each size; the types ending in `@2x` come by their own names. */
function icns(png: (size: number) => Buffer): Buffer {
  const members: readonly (readonly [string, number])[] = [
    ['icp4', 16],
    ['icp5', 32],
    ['ic07', 128],
    ['ic08', 256],
    ['ic09', 512],
    ['ic10', 1024],
    ['ic11', 32],
    ['ic12', 64],
    ['ic13', 256],
    ['ic14', 512],
  ];
  const parts = members.map(([type, size]) => member(type, png(size)));
  return member('icns', Buffer.concat(parts));
}

function member(type: string, content: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.write(type, 'latin1');
  header.writeUInt32BE(header.length + content.length, 4);
  return Buffer.concat([header, content]);
}

function write(name: string, content: Buffer): void {
  mkdirSync(join(drawn, 'app'), { recursive: true });
  writeFileSync(join(drawn, name), content);
}
