import { bundle } from '../bundle.ts';
import { bundleContents, contentsDifference, helperBreaches } from '../bundle-contents.ts';
import { bundleEntries } from '../bundle-entries.ts';

/** Whether each bundle holds what its checked-in list says, and the helper nothing that has no place there. */
export async function checkBundles(): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const entry of bundleEntries) {
    try {
      const built = await bundle(entry);
      problems.push(...contentsDifference(built));
      if (entry.name === 'helper') problems.push(...helperBreaches(bundleContents(built)));
    } catch (error) {
      problems.push(`${entry.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (problems.length > 0) problems.push('If this is what you want: npm run bundles:update');
  return problems;
}
