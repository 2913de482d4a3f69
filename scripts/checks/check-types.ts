import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../checkout.ts';
import { installedProgram, runProgram } from '../run-program.ts';

/** The compiler over the project of each folder, so that each sees only the names of its own platform. */
export async function checkTypes(): Promise<readonly string[]> {
  const projects = globSync('{*,base/*,protocol/*,cluster/*,main/*}/tsconfig*.json', {
    cwd: checkout,
    exclude: ['node_modules', 'dist', '.cache'],
  });
  const problems: string[] = [];
  for (const project of projects.toSorted()) {
    if (!existsSync(join(checkout, project))) continue;
    const { exitCode, output } = await runProgram(installedProgram('tsc'), ['-p', project, '--pretty', 'false'], {
      timeoutMs: 180_000,
    });
    // A folder whose first file is still to be written.
    if (exitCode !== 0 && !output.includes('TS18003')) problems.push(...output.trim().split('\n'));
  }
  // A library's error shows in every folder that uses it.
  return [...new Set(problems)];
}
