import type { TrayView } from './tray-view.ts';

/** The highest count that has an icon of its own; above it there is a plus. */
const maxCount = 9;

/**
 * File of an icon, below the folder of drawn ones. macOS colours a template itself and finds `@2x` beside it; elsewhere the icon has to
 * suit a dark or a light panel.
 */
export function trayIconFile(icon: TrayView['icon'], platform: NodeJS.Platform, isDark: boolean): string {
  const name = icon.shape === 'engaged' ? `engaged-${icon.count > maxCount ? 'many' : Math.max(1, icon.count)}` : icon.shape;
  if (platform === 'darwin') return `tray/${name}Template.png`;
  return `tray/${name}-${isDark ? 'dark' : 'light'}.${platform === 'win32' ? 'ico' : 'png'}`;
}
