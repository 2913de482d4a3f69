import { readdir, readFile } from 'node:fs/promises';

/** Processes of the pods of those UIDs whose command line has the word, without the pause container's; none where their node is another machine. */
export async function podProcesses(uids: readonly string[], word = ''): Promise<readonly number[]> {
  const found: number[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const read = async (file: string) => await readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
    const cgroup = await read('cgroup');
    // With systemd as the driver, underscores stand for the dashes.
    if (!uids.some((uid) => uid !== '' && (cgroup.includes(uid) || cgroup.includes(uid.replaceAll('-', '_'))))) continue;
    if ((await read('comm')).trim() === 'pause') continue;
    if ((await read('cmdline')).includes(word)) found.push(Number(pid));
  }
  return found;
}
