/** The path of what a folder of the laptop has by that name, as its system writes paths. */
export function pathIn(folder: string, name: string): string {
  return `${folder.replace(/[\\/]$/, '')}${folder.startsWith('/') ? '/' : '\\'}${name}`;
}
